/** All that a tree of files is, as the kernel shows it: kinds, owners, modes, times, links, extended attributes, content. */
import { run } from './workbench.ts';

const LIST = `
import hashlib, os, stat, sys
root = sys.argv[1]
links = {}
for folder, folders, files in os.walk(root):
    folders.sort()
    for name in sorted(folders + files):
        path = os.path.join(folder, name)
        shown = os.path.relpath(path, root)
        info = os.lstat(path)
        extra = ''
        if stat.S_ISLNK(info.st_mode): extra = os.readlink(path)
        elif stat.S_ISREG(info.st_mode):
            extra = '%d %s' % (info.st_size, hashlib.sha256(open(path, 'rb').read()).hexdigest())
            if info.st_nlink > 1: extra += ' as ' + links.setdefault(info.st_ino, shown)
        try: own = [(key, os.getxattr(path, key, follow_symlinks=False).hex()) for key in sorted(os.listxattr(path, follow_symlinks=False))]
        except OSError: own = []
        print(shown, oct(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns, info.st_rdev, extra, own)
`;

/** @returns a line for each, in order */
export function treeOf(folder: string): string {
  return run('python3', '-c', LIST, folder);
}

/**
 * A mount namespace begins with a copy of every mount, also of those of tests that run beside this one: while the copy lives, what they
 * unmount stays in use, is not written out, and a loop device of the same file is found again with what it held.
 */

/**
 * Lines of a shell that takes other tests' mounts out of its namespace.
 *
 * @param own a folder below which everything stays
 */
export const withoutOthersMounts = (own: string): readonly string[] => [
  // proc(5), mountinfo: the fifth word is the point, spaces in it are \040
  `awk '{print $5}' /proc/self/mountinfo | grep -E '^/(tmp|dev/shm)/' | grep -vF '${own}/' | tac |` +
    ` while read -r point; do umount --lazy "$(printf "$point")" || true; done`,
];

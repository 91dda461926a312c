import './client/no-eval.ts';
// before the router sees the address
import './client/entrance.ts';
import { mountApp } from './app/mount.ts';
import { connectPort, connectSocket, isBrowserFace } from './client/transport.ts';

mountApp(isBrowserFace ? connectSocket : connectPort, isBrowserFace);

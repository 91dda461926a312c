/** Must be imported before the contract: its schemas would otherwise try to compile themselves, which `script-src 'self'` forbids. */
import { config } from 'zod';

config({ jitless: true });

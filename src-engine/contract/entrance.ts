/**
 * How a page comes in over a socket, before the four verbs: its first message names the one-time token of an address or the
 * session that a token became, and the server answers with the session or closes. Neither ever travels in a cookie, which a
 * browser sends to every port of a host, nor in the part of an address that is sent.
 */
import { z } from 'zod';

const secret = z.string().min(1).max(100);

/** Of the two, a token that is still good counts first. */
export const EntranceSchema = z.strictObject({ token: secret.optional(), session: secret.optional() });
export type Entrance = z.infer<typeof EntranceSchema>;

/** The server's answer. The session is good for as long as the server runs. */
export const EnteredSchema = z.strictObject({ session: secret });

export type EntranceRefusal = 'token-invalid' | 'no-session';

/** Close codes for who is not let in (RFC 6455, section 7.4.2: 4000 to 4999 are free). */
export const REFUSAL_CLOSE_CODES: Readonly<Record<EntranceRefusal, number>> = {
  'token-invalid': 4001,
  'no-session': 4002,
};

/** Where an address leads: a path of its own, so that a browser that shows our pages already loads them anew. */
export const ENTRANCE_PATH = '/enter';

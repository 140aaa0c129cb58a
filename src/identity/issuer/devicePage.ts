import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SignInEvent } from '../signInEvent.ts';
import type { DeviceCodes } from './deviceCodes.ts';
import { isRefusal } from './refusal.ts';
import type { SignIn } from './signIn.ts';

export interface DevicePageParts {
  readonly baseUrl: string;
  readonly signIn: SignIn;
  readonly devices: DeviceCodes;
  readonly onSignIn: (event: SignInEvent) => Promise<void>;
}

const COOKIE = '__Host-strongroom-device';
const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}label{display:block;margin:.8rem 0 .2rem}input{font:inherit;width:100%;padding:.4rem;box-sizing:border-box}button{font:inherit;margin-top:1.2rem;padding:.4rem 1.2rem}.no{color:#a00}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`;

/** The page where a person ends a sign-in that another device has begun. No script; one form. */
export class DevicePage {
  readonly #parts: DevicePageParts;

  constructor(parts: DevicePageParts) {
    this.#parts = parts;
  }

  show(reply: FastifyReply, note = '', status = 200): FastifyReply {
    const token = randomBytes(24).toString('base64url');
    reply.header('set-cookie', `${COOKIE}=${token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=900`);
    return page(reply, status, form(token, note));
  }

  async submit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const sent = (request.body ?? {}) as Record<string, unknown>;
    if (!this.#isOwnForm(request, text(sent.form))) {
      return this.show(reply, 'This form had expired. Please try again.', 403);
    }
    const [name, address] = [text(sent.username), request.ip];
    const locked = this.#parts.signIn.locked(name, address);
    if (locked) return this.show(reply, 'Too many failed attempts. Please wait a while.', 429);
    const waiting = this.#parts.devices.findWaiting(text(sent.code));
    if (waiting === undefined) {
      this.#parts.signIn.fail(name, address);
      return this.show(reply, 'This code is unknown or has expired.', 400);
    }
    const user = await this.#parts.signIn.user(name, text(sent.password), address);
    const event = { grant: 'device page', name: name.slice(0, 64), address };
    if (isRefusal(user)) {
      await this.#parts.onSignIn({ ...event, isSuccess: false, number: user.number });
      const note = user.status === 429 ? 'Too many failed attempts. Please wait a while.' : 'Wrong name or password.';
      return this.show(reply, note, user.status === 429 ? 429 : 401);
    }
    waiting.approvedBy = user.objectId;
    await this.#parts.onSignIn({ ...event, isSuccess: true, principalId: user.objectId });
    return page(reply, 200, '<h1>Signed in</h1><p>You can close this page and go back to your command line.</p>');
  }

  /** The cookie that came with the form must come back with it, from a page of ours. */
  #isOwnForm(request: FastifyRequest, token: string): boolean {
    const { origin, cookie = '', 'sec-fetch-site': site } = request.headers;
    if (origin !== undefined && origin !== new URL(this.#parts.baseUrl).origin) return false;
    if (site !== undefined && site !== 'same-origin') return false;
    const kept = cookie
      .split(';')
      .map((one) => one.trim())
      .find((one) => one.startsWith(`${COOKIE}=`))
      ?.slice(COOKIE.length + 1);
    if (kept === undefined || kept.length !== token.length || token === '') return false;
    return timingSafeEqual(Buffer.from(kept), Buffer.from(token));
  }
}

const form = (token: string, note: string): string => `<h1>Sign in</h1>
<p>Go on only if you have just started a sign-in on a command line of your own, and the code is the one it shows.</p>
${note === '' ? '' : `<p class="no">${note}</p>`}
<form method="post" autocomplete="off"><input type="hidden" name="form" value="${token}">
<label for="code">Code</label><input id="code" name="code" maxlength="16" required autofocus>
<label for="username">Name</label><input id="username" name="username" maxlength="256" required>
<label for="password">Password</label><input id="password" name="password" type="password" maxlength="256" required>
<button>Sign in</button></form>`;

/** `content` is the program's own: nothing that was sent is ever shown. */
const page = (reply: FastifyReply, status: number, content: string): FastifyReply =>
  reply
    .code(status)
    .header('content-security-policy', POLICY)
    .header('referrer-policy', 'no-referrer')
    .type('text/html; charset=utf-8')
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Strongroom: sign in</title><style>${STYLE}</style>${content}</html>`,
    );

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

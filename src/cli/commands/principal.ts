import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { PrincipalResource } from '../../api/wire/principal.ts';
import { UsageError } from '../exit.ts';
import { group, leaf } from '../options.ts';
import { readNewPassword } from '../passwordInput.ts';
import { findPrincipal, principalsPath } from '../principals.ts';
import { act, type Session, type Shell } from '../shell.ts';
import { readUserText } from '../userFile.ts';

export const principalCommands = (shell: Shell) =>
  group('principal', 'Who can sign in to this server', [
    leaf('list', 'List service principals and users').action(
      act(shell, ({ arm }) => arm.list<PrincipalResource>('identity', principalsPath(arm))),
    ),
    one('show', 'Show a principal').action(act(shell, ({ arm }, { name }) => findPrincipal(arm, name))),
    createServicePrincipal(shell),
    createUser(shell),
    one('disable', 'Sign a principal out everywhere and keep it out').action(
      act(shell, (session, { name }) => setEnabled(session, name, false)),
    ),
    one('enable', 'Let a disabled principal in again').action(
      act(shell, (session, { name }) => setEnabled(session, name, true)),
    ),
    resetSecret(shell),
    setPassword(shell),
    addCertificate(shell),
    remove(shell),
  ]);

const one = (name: string, summary: string) =>
  leaf(name, summary).requiredOption('-n, --name <name>', 'its display name, application id, user name or object id');

const createServicePrincipal = (shell: Shell) =>
  leaf('create-sp', 'Create a service principal; its secret is shown this once')
    .requiredOption('-n, --name <name>', 'its display name')
    .action(
      act(shell, async (session, { name }) => {
        const made = await put(session, { kind: 'ServicePrincipal', displayName: name });
        session.say('The secret is shown this once. The principal has no role yet: strongroom role assign.');
        const { appId, objectId, secretText } = made.properties;
        return { appId, objectId, displayName: name, password: secretText, tenant: session.arm.tenantId };
      }),
    );

const createUser = (shell: Shell) =>
  leaf('create-user', 'Create a user who signs in with a password')
    .requiredOption('-n, --name <name>', 'what the user signs in as, alice@example.org')
    .option('--display-name <name>', 'the name that is shown')
    .option('--password-file <file>', 'a file that holds the password; - is standard input; else it is asked for')
    .action(
      act(shell, async (session, { name, displayName, passwordFile }) => {
        const password = await readNewPassword(session, passwordFile);
        const properties = { kind: 'User', displayName: displayName ?? name, userPrincipalName: name, password };
        const made = await put(session, properties);
        session.say('The user has no role yet: strongroom role assign.');
        return made;
      }),
    );

const put = async ({ arm }: Session, properties: Record<string, unknown>): Promise<PrincipalResource> => {
  const path = `${principalsPath(arm)}/${randomUUID()}`;
  const { body } = await arm.send<PrincipalResource>('PUT', 'identity', path, { body: { properties } });
  return body!;
};

async function setEnabled({ arm }: Session, name: string, isEnabled: boolean): Promise<unknown> {
  const { name: id } = await findPrincipal(arm, name);
  const body = { properties: { isEnabled } };
  return (await arm.send('PATCH', 'identity', `${principalsPath(arm)}/${id}`, { body })).body;
}

const resetSecret = (shell: Shell) =>
  one('reset-secret', 'Make a new secret, shown this once; the old ones end')
    .option('--keep-others', 'let the older secrets stay good')
    .option('--expires-on <time>', 'when it ends, as 2027-01-31T00:00:00Z')
    .action(
      act(shell, async ({ arm }, { name, keepOthers, expiresOn }) => {
        const { name: id, properties } = await findPrincipal(arm, name);
        const body = { ...(keepOthers ? { keepOthers } : {}), ...(expiresOn ? { expiresOn } : {}) };
        const path = `${principalsPath(arm)}/${id}/resetSecret`;
        const made = await arm.send<{ secretText: string }>('POST', 'identity', path, { body });
        return { appId: properties.appId, password: made.body?.secretText, tenant: arm.tenantId };
      }),
    );

const setPassword = (shell: Shell) =>
  one('set-password', "Set a user's password; the user is signed out everywhere")
    .option('--password-file <file>', 'a file that holds the password; - is standard input; else it is asked for')
    .action(
      act(shell, async (session, { name, passwordFile }) => {
        const { name: id } = await findPrincipal(session.arm, name);
        const password = await readNewPassword(session, passwordFile);
        const path = `${principalsPath(session.arm)}/${id}/setPassword`;
        await session.arm.send('POST', 'identity', path, { body: { password } });
      }),
    );

const addCertificate = (shell: Shell) =>
  one('add-certificate', 'Let a service principal sign in with the key of a certificate')
    .requiredOption('--certificate-file <file>', 'the certificate in PEM; a private key in it is not sent')
    .action(
      act(shell, async ({ arm, terminal }, { name, certificateFile }) => {
        const { name: id } = await findPrincipal(arm, name);
        const path = resolve(terminal.cwd, certificateFile);
        const refuse = (why: string) => new UsageError(`--certificate-file: ${path} cannot be read: ${why}`);
        const pem = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(
          await readUserText(path, refuse),
        )?.[0];
        if (pem === undefined) throw new UsageError(`--certificate-file: ${path} holds no certificate in PEM`);
        const body = { certificate: pem };
        return (await arm.send('POST', 'identity', `${principalsPath(arm)}/${id}/addCertificate`, { body })).body;
      }),
    );

const remove = (shell: Shell) =>
  one('delete', 'Delete a principal with its role assignments')
    .option('-y, --yes', 'do not ask')
    .action(
      act(shell, async ({ arm, confirm }, { name, yes }) => {
        const { name: id } = await findPrincipal(arm, name);
        await confirm(`Delete principal ${name}?`, yes);
        await arm.send('DELETE', 'identity', `${principalsPath(arm)}/${id}`);
      }),
    );

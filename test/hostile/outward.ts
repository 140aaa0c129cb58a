import { type Hostile, json } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';

/** Where no notification may go: metadata, link-local, nowhere, in clear, to files. */
const URLS: readonly string[] = [
  'http://169.254.169.254/latest/meta-data',
  'https://169.254.169.254/',
  'https://169.254.169.254./',
  'https://0xa9fea9fe/',
  'https://2852039166/',
  'https://0251.0376.0251.0376/',
  'https://169.254.43518/',
  'https://[::ffff:169.254.169.254]/',
  'https://[::ffff:a9fe:a9fe]/',
  'https://[::169.254.169.254]/',
  'https://[64:ff9b::a9fe:a9fe]/',
  'https://[2002:a9fe:a9fe::]/',
  'https://[fe80::1]/',
  'https://[fd00:ec2::254]/',
  'https://[::]/',
  'https://0/',
  'https://0.0.0.0/',
  'https://255.255.255.255/',
  'https://224.0.0.1/',
  'https://100.100.100.200/',
  'https://168.63.129.16/metadata',
  'https://192.0.0.192/',
  'https://１６９.254.169.254/',
  'https://169。254。169。254/',
  'https://evil.example@169.254.169.254/',
  'https://evil.example#@169.254.169.254/'.replace('#', '%23'),
  'http://evil.example/hook',
  'http://10.0.0.1/hook',
  'http://127.0.0.1.evil.example/',
  'http://localhost.evil.example/',
  'ftp://evil.example/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:25/_HELO',
  'javascript:alert(1)',
  'data:text/plain,hello',
  'unix:/var/run/docker.sock',
  'ws://localhost/',
  'https://',
  'https:// /',
  'evil.example/hook',
  '//evil.example/hook',
  '/hook',
  'https://[::1',
  'https://evil.example:99999/',
  'https://evil .example/',
];

/** Addresses that are more than one address, or more than an address. */
const MAILS: readonly string[] = [
  'a@example.com\r\nBcc: all@evil.example',
  'a@example.com\nBcc: all@evil.example',
  'a@example.com\r',
  'a@example.com,b@evil.example',
  'a@example.com;b@evil.example',
  'a@example.com b@evil.example',
  '"a@evil.example" <a@example.com>',
  '<a@example.com>',
  'a@example.com\u0000',
  'group:a@example.com;',
  'a',
  '@',
  'a@',
  '@example.com',
  'a@b@c',
  'a@example.com\\',
  '(comment)a@example.com',
  `${'a'.repeat(400)}@example.com`,
  'a@example.com\u2028Bcc: x@evil.example',
  'a@example.com\u0085Bcc:x@evil.example',
  'a\u0007@example.com',
];

/** Receivers that would turn the server against others, or against itself. */
export function outwardTricks(server: HostileServer): readonly Hostile[] {
  const group = `${server.group}/providers/Microsoft.Insights/actionGroups/trick`;
  const put = (what: string, properties: object): Hostile => ({
    what,
    ask: {
      method: 'PUT',
      target: `${group}?api-version=2023-01-01`,
      ...json({ location: 'Global', properties: { groupShortName: 'trick', enabled: true, ...properties } }),
    },
  });
  return [
    ...URLS.map((serviceUri) => put(`a webhook to ${serviceUri}`, { webhookReceivers: [{ name: 'a', serviceUri }] })),
    ...MAILS.map((emailAddress) =>
      put(`a mail to ${JSON.stringify(emailAddress).slice(0, 60)}`, { emailReceivers: [{ name: 'a', emailAddress }] }),
    ),
    put('two receivers of one name', {
      emailReceivers: ['a', 'A'].map((name) => ({ name, emailAddress: 'a@example.com' })),
    }),
    put('101 webhooks', {
      webhookReceivers: Array.from({ length: 101 }, (_, i) => ({ name: `w${i}`, serviceUri: 'https://a.example/' })),
    }),
    put('a function that is run', { azureFunctionReceivers: [{ name: 'a', httpTriggerUrl: 'https://evil.example' }] }),
    ...URLS.slice(0, 12).map((serviceUri) => ({
      what: `tries a webhook to ${serviceUri}`,
      ask: {
        method: 'POST',
        target: `${group}/createNotifications?api-version=2023-01-01`,
        ...json({ alertType: 'servicehealth', webhookReceivers: [{ name: 'a', serviceUri }] }),
      },
    })),
  ];
}

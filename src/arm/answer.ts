import type { ArmResult } from './respond.ts';

type Polled = 'Azure-AsyncOperation' | 'Location' | 'Azure-AsyncOperation + Location';

/** A way in which a route succeeds: its status, and where the client is sent to poll what goes on: '202 + Location'. */
export type Answer = '200' | '201' | '202' | '204' | `${'200' | '201' | '202'} + ${Polled}`;

/** Of routes that declare nothing else. */
export const usualAnswers = (method: string): readonly Answer[] => {
  if (method === 'HEAD') return ['204'];
  return method === 'DELETE' ? ['200', '204'] : ['200'];
};

/** What was answered, in the words of a declaration; undefined for what is no success. */
export const answerOf = ({ status, headers = {} }: Pick<ArmResult, 'status' | 'headers'>): string | undefined => {
  if (status >= 400) return undefined;
  const polled = [
    ...(headers['azure-asyncoperation'] === undefined ? [] : ['Azure-AsyncOperation']),
    ...(headers.location === undefined ? [] : ['Location']),
  ];
  return [String(status), ...polled].join(' + ');
};

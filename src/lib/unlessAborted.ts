/** What the promise gives, or the signal's reason as soon as it is aborted: nobody waits then, and the promise goes on. */
export const unlessAborted = <T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> => {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    const listenNoMore = () => signal.removeEventListener('abort', stop);
    promise.then(resolve, reject).then(listenNoMore, listenNoMore);
  });
};

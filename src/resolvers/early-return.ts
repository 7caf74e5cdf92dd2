/** A generator that waits for news does not hear its own return(): who leaves ends the wait first. */
export function withEarlyReturn<T>(source: AsyncGenerator<T, undefined>, leave: () => void): AsyncIterableIterator<T> {
  return {
    next: () => source.next(),
    return: () => {
      leave();
      return source.return(undefined);
    },
    throw: (error) => {
      leave();
      return source.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

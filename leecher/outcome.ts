/** How something will have ended, for whoever asks, before or after. The first end counts. */
export class Outcome<T> {
  readonly promise: Promise<T>;
  #settle: { readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void } | undefined;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody may have asked yet when it fails.
    this.promise.catch(() => undefined);
  }

  resolve(value: T): void {
    this.#settle!.resolve(value);
  }

  reject(error: unknown): void {
    this.#settle!.reject(error);
  }
}

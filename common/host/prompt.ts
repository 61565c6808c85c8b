/**
 * Asks on standard error and reads one line of standard input; undefined at its end, or when `stop` comes first.
 * The terminal stays in its own mode, so that Ctrl-C is still a signal.
 */
export function askLine(
  streams: { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream },
  question: string,
  stop: Promise<unknown>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Loaded when it is needed, which is once in a lifetime.
    const reader = process.getBuiltinModule('node:readline').createInterface({ input: streams.input, terminal: false });
    const finish = (line: string | undefined): void => {
      resolve(line);
      reader.close();
      // An open standard input would keep the process alive.
      streams.input.pause();
    };
    reader.once('line', finish);
    reader.once('close', () => resolve(undefined));
    void stop.then(() => finish(undefined));
    streams.output.write(question);
  });
}

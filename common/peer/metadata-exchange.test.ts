import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../base/bytes.ts';
import { BLOCK_BYTES } from '../base/limits.ts';
import { messagesOf } from '../fixtures/sessions.ts';
import { decodeMetadataMessage, type MetadataMessage } from '../wire/extended.ts';
import { Extensions } from './extensions.ts';
import { HashLedger } from './hash-ledger.ts';
import { Ledger } from './ledger.ts';
import { MetadataExchange } from './metadata-exchange.ts';
import { Voice } from './voice.ts';

const INFO = Uint8Array.from({ length: 40_000 }, (_, i) => i % 251);

function exchange(options: { info?: Uint8Array; takesIt?: boolean; isCongested?: boolean } = {}) {
  const sent: Uint8Array[] = [];
  const told: unknown[] = [];
  const extensions = new Extensions();
  if (options.takesIt ?? true) {
    extensions.take(concatBytes([Uint8Array.of(0), utf8('d1:md11:ut_metadatai9eee')]));
  }
  const say = new Voice({ ledger: new Ledger(), hashLedger: new HashLedger(), send: (bytes) => sent.push(bytes) });
  const metadata = new MetadataExchange({
    extensions,
    say,
    info: () => options.info,
    isCongested: () => options.isCongested ?? false,
    onData: (block, totalBytes, view) => told.push(['data', block, totalBytes, view.length]),
    onRejected: (block) => told.push(['rejected', block]),
    offend: () => told.push('offence'),
  });
  const said = (): (MetadataMessage | undefined)[] =>
    messagesOf(concatBytes(sent.splice(0))).map(({ payload }) => {
      expect(payload[0]).toBe(9);
      const message = decodeMetadataMessage(payload.subarray(1));
      return message.ok ? message.value : undefined;
    });
  return { metadata, told, said };
}

describe('a peer that asks', () => {
  it('gets each block of the dictionary, under its own number for it', () => {
    const { metadata, said } = exchange({ info: INFO });
    for (const block of [0, 2]) metadata.take({ type: 'request', block });
    expect(said()).toEqual([
      { type: 'data', block: 0, totalBytes: 40_000, data: INFO.subarray(0, BLOCK_BYTES) },
      { type: 'data', block: 2, totalBytes: 40_000, data: INFO.subarray(2 * BLOCK_BYTES) },
    ]);
  });

  it.each([
    ['past the end', { info: INFO }, 3],
    ['far past the end', { info: INFO }, Number.MAX_SAFE_INTEGER],
    ['before we know it', {}, 0],
    ['[fault 33] and does not read', { info: INFO, isCongested: true }, 0],
  ])('%s gets a reject', (_, options, block) => {
    const { metadata, said } = exchange(options);
    metadata.take({ type: 'request', block });
    expect(said()).toEqual([{ type: 'reject', block }]);
  });

  it('and takes no answers gets none', () => {
    const { metadata, said } = exchange({ info: INFO, takesIt: false });
    metadata.take({ type: 'request', block: 0 });
    expect(said()).toEqual([]);
  });
});

describe('what we ask for', () => {
  it('is answered by data or by a reject, once', () => {
    const { metadata, told, said } = exchange();
    for (const block of [0, 1]) metadata.ask(block);
    expect(said()).toEqual([
      { type: 'request', block: 0 },
      { type: 'request', block: 1 },
    ]);
    metadata.take({ type: 'data', block: 0, totalBytes: 20_000, data: new Uint8Array(16_384) });
    metadata.take({ type: 'reject', block: 1 });
    metadata.take({ type: 'reject', block: 1 });
    metadata.take({ type: 'unknown' });
    expect(told).toEqual([
      ['data', 0, 20_000, 16_384],
      ['rejected', 1],
    ]);
  });

  it('[fault 26] is all that is taken: other data is an offence', () => {
    const { metadata, told } = exchange();
    metadata.ask(0);
    metadata.take({ type: 'data', block: 1, totalBytes: 20_000, data: new Uint8Array(3_616) });
    expect(told).toEqual(['offence']);
  });

  it('of a peer that takes no such messages is never asked, and so never answered', () => {
    const { metadata, told, said } = exchange({ takesIt: false });
    metadata.ask(0);
    expect(said()).toEqual([]);
    metadata.take({ type: 'data', block: 0, totalBytes: 1, data: new Uint8Array(1) });
    expect(told).toEqual(['offence']);
  });
});

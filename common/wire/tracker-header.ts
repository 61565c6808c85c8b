import type { Brand } from '../base/ids.ts';
import { readU32, writeU32 } from '../base/bytes.ts';

/**
 * What every datagram between a tracker and a client begins with (BEP 15).
 *
 * Request: 0 connection id (8 bytes) | 8 action u32 | 12 transaction id u32.
 * Response: 0 action u32 | 4 transaction id u32.
 */

/** 8 bytes that a tracker gave an address; opaque to everybody else. */
export type ConnectionId = Brand<Uint8Array, 'ConnectionId'>;

export const ACTION_CONNECT = 0;
export const ACTION_ANNOUNCE = 1;
export const ACTION_SCRAPE = 2;
export const ACTION_ERROR = 3;

/** Our own actions: `tk`, version 1, operation. Below 2^31 and far from the standard ones, so that others drop them. */
const TOOLKIT_ACTIONS = 0x746b_0100;
export const ACTION_HELLO = TOOLKIT_ACTIONS + 0;
export const ACTION_PUBLISH = TOOLKIT_ACTIONS + 1;
export const ACTION_LIST = TOOLKIT_ACTIONS + 2;
export const ACTION_LOOKUP = TOOLKIT_ACTIONS + 3;
export const ACTION_HEARTBEAT = TOOLKIT_ACTIONS + 4;
export const ACTION_WITHDRAW = TOOLKIT_ACTIONS + 5;

/** Whether an action is one of ours in any version, known or not. */
export const isToolkitAction = (action: number): boolean => action >>> 16 === 0x746b;

export const REQUEST_HEADER_BYTES = 16;
export const RESPONSE_HEADER_BYTES = 8;

/** Stands where the connection id will be in a connect request (BEP 15). */
export const PROTOCOL_MAGIC = Uint8Array.of(0x00, 0x00, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80);

export const requestAction = (bytes: Uint8Array): number => readU32(bytes, 8);
export const requestTransactionId = (bytes: Uint8Array): number => readU32(bytes, 12);
export const responseAction = (bytes: Uint8Array): number => readU32(bytes, 0);
export const responseTransactionId = (bytes: Uint8Array): number => readU32(bytes, 4);

/** A zeroed request of `sizeBytes` with its header. */
export function newRequest(
  sizeBytes: number,
  connectionId: Uint8Array,
  action: number,
  transactionId: number,
): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(connectionId);
  writeU32(bytes, 8, action);
  writeU32(bytes, 12, transactionId);
  return bytes;
}

/** A zeroed response of `sizeBytes` with its header. */
export function newResponse(sizeBytes: number, action: number, transactionId: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  writeU32(bytes, 0, action);
  writeU32(bytes, 4, transactionId);
  return bytes;
}

/**
 * What Node itself can do as a UDP tracker: answers a connect with 16 bytes and an announce with as many as 50 peers
 * take, remembers nothing. With `--lookup` it keeps Node from looking up the address of each answer. Prints
 * `tracker udp://HOST:PORT` as the tracker does.
 */
import { createSocket, type SocketOptions } from 'node:dgram';

const ANNOUNCE_BYTES = 20 + 50 * 6;
const lookup: SocketOptions['lookup'] = (host, _options, found) => found(null, host, 4);
const socket = createSocket({
  type: 'udp4',
  recvBufferSize: 4 * 1024 * 1024,
  sendBufferSize: 4 * 1024 * 1024,
  ...(process.argv.includes('--lookup') ? { lookup } : {}),
});
socket.on('message', (asked, from) => {
  const answer = Buffer.allocUnsafe(asked[11] === 1 ? ANNOUNCE_BYTES : 16);
  asked.copy(answer, 0, 8, 16);
  answer.fill(1, 8);
  socket.send(answer, from.port, from.address);
});
socket.bind(0, '127.0.0.1', () => console.log(`tracker udp://127.0.0.1:${socket.address().port}`));

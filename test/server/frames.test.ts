import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Doors } from "../../sidecar/server/doors.ts";
import { connect as attach, createReached, hello, openTestDoors, secrets } from "./support.ts";

/** One frame by hand. `masked` as a client must; the length is what is said, not what is sent. */
function frame(opcode: number, payload: Buffer, { fin = true, masked = true, rsv = 0, length = payload.length } = {}) {
  const head = Buffer.alloc(10);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  let size = 2;
  if (length < 126) head[1] = mask | length;
  else if (length < 65_536) {
    head[1] = mask | 126;
    head.writeUInt16BE(length, 2);
    size = 4;
  } else {
    head[1] = mask | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
    size = 10;
  }
  const key = masked ? randomBytes(4) : Buffer.alloc(0);
  const body = masked ? Buffer.from(payload.map((byte, at) => byte ^ (key[at % 4] ?? 0))) : payload;
  return Buffer.concat([head.subarray(0, size), key, body]);
}
const words = (text: string): Buffer => Buffer.from(text);

const broken: Readonly<Record<string, readonly Buffer[]>> = {
  "a frame without a mask": [frame(1, words("{}"), { masked: false })],
  "an opcode that nobody knows": [frame(3, words("{}"))],
  "a control opcode that nobody knows": [frame(0xb, Buffer.alloc(0))],
  "a reserved bit": [frame(1, words("{}"), { rsv: 4 })],
  "a ping that is too long": [frame(9, Buffer.alloc(126))],
  "a ping in pieces": [frame(9, words("x"), { fin: false })],
  "a continuation of nothing": [frame(0, words("x"))],
  "a second beginning": [frame(1, words('{"id"'), { fin: false }), frame(1, words(":1}"))],
  "text that is not UTF-8": [frame(1, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))],
  "half a character": [frame(1, Buffer.from([0xe2, 0x82]))],
  "a length over the limit": [frame(1, words("x"), { length: 2 ** 40 })],
  "a length over what a number holds": [frame(1, words("x"), { length: 2 ** 53 })],
  "a close code that nobody may send": [frame(8, Buffer.from([0x03, 0xed]))],
  "a close frame of one byte": [frame(8, Buffer.from([3]))],
  "a bomb of 80 pieces of 1 MB": Array.from({ length: 80 }, (_, at) =>
    frame(at === 0 ? 1 : 0, Buffer.alloc(1024 * 1024, 0x20), { fin: false }),
  ),
  "plain HTTP in the socket": [words("GET /ready HTTP/1.1\r\nhost: x\r\n\r\n")],
};

describe("a socket that breaks the rules of WebSocket", () => {
  const reached = createReached();
  let doors: Doors;
  before(async () => {
    doors = await openTestDoors(reached);
  });
  after(() => doors.close());

  /** Resolves with the upgraded socket. */
  const upgrade = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(doors.port, "127.0.0.1", () => {
        socket.write(
          `GET /ws HTTP/1.1\r\nhost: 127.0.0.1:${doors.port}\r\nauthorization: Bearer ${secrets.token}\r\n` +
            "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n" +
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
      });
      socket.once("error", reject);
      socket.once("data", (data) => (String(data).startsWith("HTTP/1.1 101") ? resolve(socket) : reject(data)));
    });

  for (const [name, frames] of Object.entries(broken))
    it(`is ended after ${name}, and the others go on`, async () => {
      const socket = await upgrade();
      const others = await attach(doors);
      const closed = new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.once("end", () => socket.destroy());
        socket.on("error", () => socket.destroy());
      });
      socket.resume();
      for (const piece of frames) if (!socket.destroyed) socket.write(piece);
      await closed;
      assert.deepEqual(await others.request("hub.stop", {}), {});
      others.close();
      assert.deepEqual(reached.called.splice(0), ["hub.stop"]);
    });

  it("is read when it keeps them, as a control: also in pieces, with a ping between", async () => {
    const socket = await upgrade();
    const said = Buffer.from(JSON.stringify({ id: 7, method: "hello", params: hello }));
    const answer = new Promise<string>((resolve) => {
      let text = "";
      socket.on("data", (data) => {
        text += String(data);
        if (text.includes('"id":7')) resolve(text);
      });
    });
    socket.write(frame(1, said.subarray(0, 20), { fin: false }));
    socket.write(frame(9, words("still there?")));
    socket.write(frame(0, said.subarray(20)));
    assert.match(await answer, /still there\?[\s\S]*"scopes":\["read","run"\]/);
    socket.destroy();
  });
});

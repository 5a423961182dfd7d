import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { createTransport, readText } from "../../sidecar/providers/transport.ts";

/** A server that notes the headers of what reaches it. */
async function listen(answer: (path: string) => { status: number; location?: string }) {
  const seen: IncomingHttpHeaders[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request.headers);
    const { status, location } = answer(request.url ?? "/");
    response.writeHead(status, location === undefined ? {} : { location }).end("text");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

describe("a model server that is somebody else", () => {
  const body = JSON.stringify({ prompt: "secret words" });
  const signal = new AbortController().signal;

  it("cannot pass a prompt on: no redirect is followed, whatever its kind", async () => {
    const target = await listen(() => ({ status: 200 }));
    const squatter = await listen((path) => ({ status: Number(path.slice(1)), location: `${target.url}/taken` }));
    const transport = createTransport({ network: () => "local" });
    try {
      for (const status of [301, 302, 303, 307, 308])
        await assert.rejects(
          transport.send({ url: `${squatter.url}/${status}`, method: "POST", body, signal }),
          (error) => error instanceof PodiumError && error.code === "bad_output" && /redirect/.test(error.message),
        );
      assert.deepEqual([squatter.seen.length, target.seen.length], [5, 0]);
      // The control: the target would have answered.
      const answer = await transport.send({ url: target.url, method: "POST", body, signal });
      assert.equal(await readText(answer.body), "text");
    } finally {
      await transport.close();
      squatter.close();
      target.close();
    }
  });

  it("gets no secret: no key, no cookie, no user name of an address", async () => {
    const server = await listen(() => ({ status: 200 }));
    const transport = createTransport({ network: () => "local" });
    try {
      await transport.send({ url: server.url, method: "POST", body, signal });
      const [headers = {}] = server.seen;
      assert.deepEqual(
        Object.keys(headers).filter((name) => /auth|cookie|key|token|user|referer/.test(name)),
        [],
      );
      const named = server.url.replace("//", "//user:password@");
      await assert.rejects(
        transport.send({ url: named, method: "POST", body, signal }),
        (error) => error instanceof PodiumError && error.code === "bad_request" && !error.message.includes("password"),
      );
      assert.equal(server.seen.length, 1);
    } finally {
      await transport.close();
      server.close();
    }
  });

  it("is asked directly: a proxy of the environment gets nothing", async () => {
    const proxy = await listen(() => ({ status: 200 }));
    const server = await listen(() => ({ status: 200 }));
    const names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = proxy.url;
    const transport = createTransport({ network: () => "local" });
    try {
      await transport.send({ url: server.url, method: "POST", body, signal });
      assert.deepEqual([server.seen.length, proxy.seen.length], [1, 0]);
    } finally {
      for (const [at, name] of names.entries()) {
        if (before[at] === undefined) delete process.env[name];
        else process.env[name] = before[at];
      }
      await transport.close();
      server.close();
      proxy.close();
    }
  });
});

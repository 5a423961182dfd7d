// One process, two real wire protocols over real llama.cpp inference (node-llama-cpp):
//   OpenAI-compatible: GET /health /metrics /v1/models  POST /v1/chat/completions (SSE, json_schema) /v1/embeddings
//   Ollama-compatible: GET /api/version /api/tags /api/ps  POST /api/show /api/chat /api/generate (NDJSON, format) /api/embed
//   node serve.mjs --port 18080 --chat models/bigram.gguf [--embed models/embed.gguf] [--parallel 4]
import http from "node:http"; import fs from "node:fs"; import path from "node:path"; import crypto from "node:crypto";
import { getLlama, LlamaChatSession, resolveChatWrapper } from "node-llama-cpp";
const arg = (n, d) => { const i = process.argv.indexOf("--" + n); return i < 0 ? d : process.argv[i + 1]; };
const file = arg("chat"), embFile = arg("embed"), port = +arg("port", 18080), parallel = +arg("parallel", 4), name = path.basename(file, ".gguf");
const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: "error" });
const model = await llama.loadModel({ modelPath: file });
const ctx = await model.createContext({ contextSize: 2048, sequences: parallel, threads: 1, batching: {} });
const embModel = embFile ? await llama.loadModel({ modelPath: embFile }) : null;
const embCtx = embModel ? await embModel.createEmbeddingContext({ contextSize: 2048, threads: 1 }) : null;
const embName = embFile ? path.basename(embFile, ".gguf") : null;
const wrapper = resolveChatWrapper(model); // ONCE: "auto" per session re-matches the jinja template and costs ~1 s of CPU
const seqs = Array.from({ length: parallel }, () => ctx.getSequence()), waiters = [];
const acquire = () => seqs.length ? Promise.resolve(seqs.pop()) : new Promise(r => waiters.push(r));
const release = s => { const w = waiters.shift(); w ? w(s) : seqs.push(s); };
const m = { requests: 0, tokens: 0, prompt: 0, active: 0 };
async function chat({ messages, schema, json, temperature, maxTokens, seed, stop, signal, onText }) {
  const seq = await acquire(); m.active++; const t0 = performance.now(); let tFirst = 0, out = 0;
  try {
    await seq.clearHistory();
    const session = new LlamaChatSession({ contextSequence: seq, autoDisposeSequence: false, chatWrapper: wrapper });
    const hist = messages.slice(0, -1).map(x => x.role === "assistant" ? { type: "model", response: [x.content] } : { type: x.role === "system" ? "system" : "user", text: x.content });
    session.setChatHistory(hist);
    const grammar = schema ? await llama.createGrammarForJsonSchema(schema) : json ? await llama.getGrammarFor("json") : undefined;
    const prompt = messages.at(-1)?.content ?? ""; const pt = model.tokenize(messages.map(x => x.content).join("\n")).length;
    const r = await session.promptWithMeta(prompt, { grammar, maxTokens: maxTokens ?? 256, temperature: temperature ?? 0.8, seed: seed ?? undefined, customStopTriggers: stop, signal, stopOnAbortSignal: true,
      onToken: t => { out += t.length; tFirst ||= performance.now(); }, onTextChunk: t => onText?.(t) });
    m.tokens += out; m.prompt += pt; session.dispose();
    return { text: r.responseText, stop: r.stopReason, prompt: pt, out, t0, tFirst, t1: performance.now() };
  } finally { m.active--; release(seq); }
}
const body = req => new Promise((res, rej) => { let b = ""; req.on("data", c => b += c); req.on("end", () => { try { res(b ? JSON.parse(b) : {}); } catch (e) { rej(Object.assign(e, { status: 400 })); } }); });
const J = (res, o, st = 200) => { res.writeHead(st, { "content-type": "application/json" }); res.end(JSON.stringify(o)); };
const txt = c => typeof c === "string" ? c : (c ?? []).map(p => p.text ?? "").join("");
const norm = ms => (ms ?? []).map(x => ({ role: x.role, content: txt(x.content) }));
const st = fs.statSync(file), details = { parent_model: "", format: "gguf", family: "llama", families: ["llama"], parameter_size: "1M", quantization_level: "F32" };
const digest = crypto.createHash("sha256").update(fs.readFileSync(file)).digest("hex");
const tag = (n, f) => ({ name: n + ":latest", model: n + ":latest", modified_at: st.mtime.toISOString(), size: fs.statSync(f).size, digest, details });
const need = (b, ok) => { const n = String(b.model ?? "").replace(/:latest$/, ""); if (!ok.includes(n)) throw Object.assign(new Error(`model '${b.model}' not found`), { status: 404 }); };
const embed = async input => { const v = [], a = Array.isArray(input) ? input : [input]; let n = 0; for (const s of a) { const e = await embCtx.getEmbeddingFor(s); const l = Math.hypot(...e.vector) || 1; v.push(e.vector.map(x => x / l)); n += embModel.tokenize(s).length; } return { v, n }; };
const srv = http.createServer(async (req, res) => {
  m.requests++; const ac = new AbortController(); res.on("close", () => { if (!res.writableFinished) ac.abort(); });
  const url = new URL(req.url, "http://x").pathname, isApi = url.startsWith("/api/");
  try {
    if (req.method === "GET" || req.method === "HEAD") switch (url) {
      case "/": res.end("Ollama is running"); return;
      case "/health": return J(res, { status: "ok" });
      case "/metrics": res.setHeader("content-type", "text/plain"); res.end(`llm_requests_total ${m.requests}\nllm_generated_tokens_total ${m.tokens}\nllm_prompt_tokens_total ${m.prompt}\nllm_requests_processing ${m.active}\nllm_requests_deferred ${waiters.length}\n`); return;
      case "/v1/models": return J(res, { object: "list", data: [name, embName].filter(Boolean).map(id => ({ id, object: "model", created: Math.floor(st.mtimeMs / 1000), owned_by: "local" })) });
      case "/api/version": return J(res, { version: "0.0.0-podium-test" });
      case "/api/tags": return J(res, { models: [tag(name, file), embFile && tag(embName, embFile)].filter(Boolean) });
      case "/api/ps": return J(res, { models: [{ ...tag(name, file), expires_at: new Date(Date.now() + 3e5).toISOString(), size_vram: 0, context_length: 2048 }] });
    }
    const b = await body(req);
    if (url === "/v1/chat/completions") {
      need(b, [name]); const schema = b.response_format?.json_schema?.schema, id = "chatcmpl-" + crypto.randomUUID(), created = Math.floor(Date.now() / 1000);
      const ck = (delta, fin = null, x = {}) => `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created, model: name, choices: [{ index: 0, delta, finish_reason: fin }], ...x })}\n\n`;
      if (b.stream) { res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" }); res.write(ck({ role: "assistant", content: "" })); }
      const r = await chat({ messages: norm(b.messages), schema, json: b.response_format?.type === "json_object", temperature: b.temperature, maxTokens: b.max_completion_tokens ?? b.max_tokens, seed: b.seed, stop: [b.stop ?? []].flat(), signal: ac.signal, onText: t => b.stream && res.write(ck({ content: t })) });
      const fin = r.stop === "maxTokens" ? "length" : "stop", usage = { prompt_tokens: r.prompt, completion_tokens: r.out, total_tokens: r.prompt + r.out };
      const timings = { ttft_ms: r.tFirst - r.t0, predicted_per_second: r.out / ((r.t1 - r.t0) / 1000) };
      if (b.stream) { res.write(ck({}, fin)); if (b.stream_options?.include_usage) res.write(`data: ${JSON.stringify({ id, object: "chat.completion.chunk", created, model: name, choices: [], usage, timings })}\n\n`); res.end("data: [DONE]\n\n"); return; }
      return J(res, { id, object: "chat.completion", created, model: name, choices: [{ index: 0, message: { role: "assistant", content: r.text }, finish_reason: fin }], usage, timings });
    }
    if (url === "/v1/embeddings") { need(b, [embName]); const { v, n } = await embed(b.input); return J(res, { object: "list", model: embName, data: v.map((e, index) => ({ object: "embedding", index, embedding: e })), usage: { prompt_tokens: n, total_tokens: n } }); }
    if (url === "/api/embed") { need(b, [embName]); const t = performance.now(), { v, n } = await embed(b.input); return J(res, { model: b.model, embeddings: v, total_duration: Math.round((performance.now() - t) * 1e6), load_duration: 1, prompt_eval_count: n }); }
    if (url === "/api/show") { need(b, [name, embName]); return J(res, { license: "cc0-1.0", modelfile: `FROM ${file}`, parameters: "", template: "{{ .Prompt }}", details, model_info: { "general.architecture": "llama", "llama.context_length": model.trainContextSize, "llama.embedding_length": model.embeddingVectorSize }, capabilities: b.model.startsWith(embName) ? ["embedding"] : ["completion"], modified_at: st.mtime.toISOString() }); }
    if (url === "/api/chat" || url === "/api/generate") {
      need(b, [name]); const gen = url === "/api/generate", o = b.options ?? {}, stream = b.stream !== false, at = () => ({ model: b.model, created_at: new Date().toISOString() });
      const piece = t => gen ? { response: t } : { message: { role: "assistant", content: t } };
      if (stream) res.writeHead(200, { "content-type": "application/x-ndjson" });
      const r = await chat({ messages: gen ? [{ role: "user", content: b.prompt ?? "" }] : norm(b.messages), schema: typeof b.format === "object" ? b.format : undefined, json: b.format === "json", temperature: o.temperature, maxTokens: o.num_predict, seed: o.seed, stop: o.stop, signal: ac.signal, onText: t => stream && res.write(JSON.stringify({ ...at(), ...piece(t), done: false }) + "\n") });
      const end = { ...at(), ...piece(stream ? "" : r.text), done: true, done_reason: r.stop === "maxTokens" ? "length" : "stop", total_duration: Math.round((r.t1 - r.t0) * 1e6), load_duration: 0, prompt_eval_count: r.prompt, prompt_eval_duration: Math.round((r.tFirst - r.t0) * 1e6), eval_count: r.out, eval_duration: Math.round((r.t1 - r.tFirst) * 1e6) };
      if (stream) { res.end(JSON.stringify(end) + "\n"); return; } return J(res, end);
    }
    J(res, isApi ? { error: "not found" } : { error: { message: "not found", type: "invalid_request_error" } }, 404);
  } catch (e) { if (res.headersSent) return res.destroy(); const s = e.status ?? 500; J(res, isApi ? { error: e.message } : { error: { message: e.message, type: s === 404 ? "not_found_error" : "server_error" } }, s); }
});
srv.listen(port, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${srv.address().port} chat=${name} embed=${embName} in ${Math.round(performance.now())} ms`));
for (const s of ["SIGTERM", "SIGINT"]) process.on(s, () => { srv.close(); srv.closeAllConnections(); llama.dispose().finally(() => process.exit(0)); });

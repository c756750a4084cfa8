// Follows a job with the package and prints each update as a line of JSON: {job}, {trouble},
// {error}, {read} for each request, {joined} and {left} of a channel. Realtime is a server in this
// process, controlled by stdin: {send: payload}, {drop: true} disconnects, {refuse: true} rejects
// new channels. With POLLS=no the timers of long waits never end: all updates are then broadcasts.

import { createInterface } from "node:readline";

import { createClient } from "@supabase/supabase-js";
import { followJob } from "index-jobs-client";
import { WebSocket, WebSocketServer } from "ws";

const { API_URL, TOKEN, JOB_ID, BY, POLLS } = process.env;
if (POLLS === "no") {
  const setTimeoutPlain = globalThis.setTimeout;
  globalThis.setTimeout = (done, milliseconds, ...rest) =>
    setTimeoutPlain(milliseconds < 20_000 ? done : () => {}, milliseconds, ...rest);
}
const say = (line) => console.log(JSON.stringify(line));

const fetchNoting = (input, options) => {
  say({ read: new URL(input.url ?? input, API_URL).pathname });
  return fetchPlain(input, options);
};
const fetchPlain = globalThis.fetch;
globalThis.fetch = fetchNoting;

const realtime = new WebSocketServer({ port: 0, host: "127.0.0.1" });
const joined = new Map();
let refuses = false;
realtime.on("connection", (socket) => {
  socket.on("close", () => joined.delete(socket));
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    const [join, ref, topic, event, payload] = Array.isArray(message)
      ? message
      : [message.join_ref, message.ref, message.topic, message.event, message.payload];
    const reply = (status) => {
      const answer = { status, response: status === "ok" ? {} : { reason: "Unauthorized" } };
      const frame = Array.isArray(message)
        ? [join, ref, topic, "phx_reply", answer]
        : { ref, topic, event: "phx_reply", payload: answer };
      socket.send(JSON.stringify(frame));
    };
    if (event === "phx_join") {
      if (!payload.config.private || !payload.access_token) refuses = true;
      if (!refuses) joined.set(socket, { topic, join, isArray: Array.isArray(message) });
      say({ [refuses ? "refused" : "joined"]: topic });
      reply(refuses ? "error" : "ok");
    } else if (event === "phx_leave") {
      joined.delete(socket);
      say({ left: topic });
      reply("ok");
    } else reply("ok");
  });
});
createInterface({ input: process.stdin }).on("line", (line) => {
  const { send, drop, refuse } = JSON.parse(line);
  if (refuse !== undefined) refuses = refuse;
  for (const [socket, { topic, join, isArray }] of joined) {
    if (drop) socket.terminate();
    if (!send) continue;
    const payload = { type: "broadcast", event: "index_job", payload: send };
    const frame = isArray
      ? [join, null, topic, "broadcast", payload]
      : { topic, event: "broadcast", payload, ref: null };
    socket.send(JSON.stringify(frame));
  }
});

class ToOurs extends WebSocket {
  constructor(address, protocols) {
    super(`ws://127.0.0.1:${realtime.address().port}${new URL(address).search}`, protocols);
  }
}

const source =
  BY === "http"
    ? { url: API_URL, token: async () => TOKEN }
    : createClient(API_URL, "anon", {
        accessToken: async () => TOKEN,
        realtime: { transport: ToOurs },
        global: { fetch: fetchNoting },
      });

try {
  const onTrouble = (trouble) => say({ trouble: trouble.message });
  for await (const job of followJob(source, JOB_ID, { onTrouble })) say({ job });
} catch (error) {
  say({ error: error.message });
}
process.exit(0);

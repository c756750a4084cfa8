// Uses supabase-js like an application. Prints the results as JSON.

import { createClient } from "@supabase/supabase-js";

const { SUPABASE_URL, SUPABASE_ANON_KEY, ALICE_TOKEN, BOB_TOKEN, EXPIRED_TOKEN } = process.env;
const functions = process.env.FUNCTIONS.split(" ");

// Returns a client with the public key and, if given, a user's token.
function signedIn(token) {
  const options = token ? { accessToken: async () => token } : { auth: { persistSession: false } };
  return createClient(SUPABASE_URL, SUPABASE_ANON_KEY, options);
}

async function data(builder) {
  const { data, error } = await builder;
  if (error) throw new Error(JSON.stringify(error));
  return data;
}

async function refusal(builder) {
  const { data, error } = await builder;
  return error ? [error.code, error.message, error.details] : ["no error", data];
}

function equal(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

const alice = signedIn(ALICE_TOKEN);
const stranger = signedIn(BOB_TOKEN);
const nobody = signedIn(null);
const late = signedIn(EXPIRED_TOKEN);
const seen = {};

const wanted = { p_full_name: "a/b", p_git_url: "https://example.com/a/b.git" };
const repository = await data(alice.rpc("ensure_repository", wanted).single());
seen["repository"] = repository.full_name;

const request = { p_repository_id: repository.id, p_ref: "main", p_idempotency_key: "k" };
const job = await data(alice.rpc("create_index_job", request).single());
seen["created"] = [job.status, job.ref, job.progress];
const again = await data(alice.rpc("create_index_job", request));
seen["created again"] = [again.length, again[0].id === job.id];

const its = { p_job_id: job.id };
seen["got"] = equal(await data(alice.rpc("get_job_status", its)), [job]);
seen["got by GET"] = equal(await data(alice.rpc("get_job_status", its, { get: true })), [job]);
seen["got single"] = equal(await data(alice.rpc("get_job_status", its).single()), job);
seen["columns"] = await data(alice.rpc("get_job_status", its).select("status,ref"));
const failed = () => alice.rpc("get_job_status", its).eq("status", "failed");
seen["maybe, one"] = (await data(alice.rpc("get_job_status", its).maybeSingle())).id === job.id;
seen["maybe, none"] = await data(failed().maybeSingle());
seen["single, none"] = await refusal(failed().single());
seen["count"] = (await alice.rpc("get_job_status", its, { count: "exact" })).count;
seen["count by HEAD"] = (
  await alice.rpc("get_job_status", its, { count: "exact", head: true })
).count;

const missing = { p_job_id: "ffffffff-0000-4000-8000-000000000000" };
seen["missing job"] = await refusal(alice.rpc("get_job_status", missing));
seen["another's job"] = await refusal(stranger.rpc("get_job_status", its));
seen["bad id"] = await refusal(alice.rpc("get_job_status", { p_job_id: "x" }));
const badRef = alice.rpc("create_index_job", { ...request, p_ref: "-x" });
seen["bad ref"] = (await refusal(badRef)).filter((_, place) => place !== 1);
const reusedKey = alice.rpc("create_index_job", { ...request, p_ref: "other" });
seen["reused key"] = (await refusal(reusedKey)).filter((_, place) => place !== 1);
seen["unknown function"] = (await refusal(alice.rpc("no_such_function"))).slice(0, 2);
seen["unknown argument"] = (await refusal(alice.rpc("get_job_status", { job: 1 }))).slice(0, 2);
const another = { ...request, p_idempotency_key: "l" };
seen["write by GET"] = (
  await refusal(alice.rpc("create_index_job", another, { get: true }))
).slice(0, 2);
seen["worker's function"] = await refusal(alice.rpc("claim_index_job", { p_worker_id: "w" }));
seen["signed out"] = await refusal(nobody.rpc("get_job_status", its));
seen["expired token"] = (await refusal(late.rpc("get_job_status", its)))[1];

if (functions.includes("list_index_jobs")) {
  const page = await alice.rpc("list_index_jobs", { p_limit: 10 }, { count: "exact" });
  seen["listed"] = [page.data.map((row) => row.id === job.id), page.count];
  const byGet = alice.rpc("list_index_jobs", { p_status: "pending" }, { get: true });
  const newest = await data(byGet.order("created_at", { ascending: false }).limit(1));
  seen["listed by GET"] = newest.map((row) => row.id === job.id);
  seen["listed by another"] = await data(stranger.rpc("list_index_jobs"));
}
if (functions.includes("explain_index_job")) {
  const why = await data(alice.rpc("explain_index_job", its).single());
  seen["explained"] = [why.reason, why.own_ahead, why.eta_p50];
  seen["explained to another"] = await refusal(stranger.rpc("explain_index_job", its));
}
if (functions.includes("cancel_index_job")) {
  seen["cancelled by another"] = await refusal(stranger.rpc("cancel_index_job", its));
  seen["cancelled"] = (await data(alice.rpc("cancel_index_job", its).single())).status;
}
if (functions.includes("get_job_history")) {
  seen["history"] = await data(alice.rpc("get_job_history", its).select("event_no,to_status"));
}
process.stdout.write(JSON.stringify(seen));

// What an application does with the client that openapi-typescript makes of /openapi.json.

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

const { API_URL, API_KEY } = process.env;
const client = createClient<paths>({
  baseUrl: API_URL,
  headers: { Authorization: `Bearer ${API_KEY}` },
});

const made = await client.POST("/index", { body: { repository: "octocat/Hello-World" } });
if (!made.data?.jobId) throw new Error(made.error?.detail);
const params = { path: { job_id: made.data.jobId } };

const { data: job } = await client.GET("/jobs/{job_id}", { params });
const status: components["schemas"]["IndexJob"]["status"] | undefined = job?.status;
const done: number | undefined = job?.progress?.done;
const { data: list } = await client.GET("/jobs", { params: { query: { status: "pending" } } });
const { data: why } = await client.GET("/jobs/{job_id}/explain", { params });
const { error } = await client.GET("/jobs/{job_id}/symbols", {
  params: { ...params, query: { prefix: "parse", limit: 5 } },
});
const { data: cancelled, response } = await client.DELETE("/jobs/{job_id}", { params });

console.log(
  JSON.stringify({
    status,
    done,
    listed: list?.jobs.map((each) => each.id).includes(made.data.jobId),
    sentence: why?.sentence,
    code: error?.code,
    cancelled: [response.status, cancelled?.status],
  }),
);

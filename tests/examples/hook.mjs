// A component with the hook, rendered by React without a page. Prints each state that it shows.

import { createElement, StrictMode } from "react";
import { act, create } from "react-test-renderer";

import { useJob } from "index-jobs-client/react";

const { API_URL, TOKEN, JOB_ID } = process.env;
const source = { url: API_URL, token: TOKEN };
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

function Status({ id }) {
  const { job, error } = useJob(source, id);
  const text = error?.message ?? job?.status ?? "nothing";
  console.log(JSON.stringify(text));
  return text;
}

let root;
await act(async () => {
  root = create(createElement(StrictMode, null, createElement(Status, { id: JOB_ID })));
});
const shows = (text) => root.toJSON() === text;
while (!shows("completed") && !String(root.toJSON()).startsWith("There is"))
  await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
await act(async () =>
  root.update(createElement(StrictMode, null, createElement(Status, { id: null }))),
);
if (!shows("nothing")) throw new Error(root.toJSON());
process.exit(0);

export type JobStatus = "pending" | "processing" | "completed" | "failed" | "cancelled";

export interface Progress {
  phase: string;
  done: number;
  /** Null while it is unknown. */
  total: number | null;
}

/** The stats of a completed job; the members depend on the indexer. */
export interface Stats {
  files_indexed?: number;
  symbols_extracted?: number;
  files_skipped?: number;
  bytes?: number;
  languages?: Record<string, number>;
  skipped?: Record<string, number>;
  [name: string]: unknown;
}

/** A row of index_jobs, as returned by get_job_status() and GET /jobs/{job_id}. Times are ISO 8601. */
export interface IndexJob {
  id: string;
  tenant_id: string;
  owner_user_id: string | null;
  organization_id: string | null;
  repository_id: string;
  repository: string;
  ref: string;
  commit_sha: string | null;
  status: JobStatus;
  /** Grows with each visible change. */
  version: number;
  attempt: number;
  max_attempts: number;
  progress: Progress | null;
  stats: Stats | null;
  error_message: string | null;
  last_error: string | null;
  retry_at: string | null;
  cancel_requested_at: string | null;
  created_at: string;
  started_at: string | null;
  updated_at: string;
  completed_at: string | null;
  heartbeat_at: string | null;
  lease_expires_at: string | null;
  worker_id: string | null;
  queue_job_id: string | null;
  created_by: string | null;
  repeats_job_id: string | null;
}

/** The HTTP API: its address, and an API key or a user's token, or a function that returns one. */
export interface HttpApi {
  url: string;
  token: string | (() => string | Promise<string>);
}

/** The part of a supabase-js client that is used. */
export interface Supabase {
  rpc(name: any, arguments_?: any, options?: any): any;
  channel(name: string, options?: any): any;
  removeChannel(channel: any): Promise<unknown>;
  realtime: { setAuth(token?: string | null): Promise<void> };
}

export type Source = Supabase | HttpApi;

export interface Wanted {
  /** owner/name */
  repository: string;
  gitUrl?: string | null;
  ref?: string | null;
  /** The same key returns the same job. */
  idempotencyKey?: string;
}

export interface Following {
  /** Ends it. */
  signal?: AbortSignal;
  /** Called for each outage, while it is waited out. */
  onTrouble?: (error: JobError) => void;
}

export declare class JobError extends Error {
  code: string;
  /** The user is not signed in (any longer). */
  isSignedOut: boolean;
  /** The same call may work in a moment. */
  isPassing: boolean;
  /** How many seconds the server asked to wait; 0 if it did not. */
  retryAfter: number;
}

export declare function createJob(source: Source, wanted: Wanted): Promise<IndexJob>;
export declare function getJob(
  source: Source,
  jobId: string,
  signal?: AbortSignal,
): Promise<IndexJob>;
export declare function isFinal(job: { status: JobStatus } | null | undefined): boolean;
export declare function followJob(
  source: Source,
  jobId: string,
  following?: Following,
): AsyncGenerator<IndexJob, void, void>;

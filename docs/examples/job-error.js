/** An error of Postgres, PostgREST, the API or the network, in words for people. */
export class JobError extends Error {
  /**
   * @param {{code?: string, message?: string, detail?: string, hint?: string | null}} error
   * @param {number} status HTTP status; 0 without a response
   * @param {number} [retryAfter] seconds
   */
  constructor(error, status, retryAfter = 0) {
    super(sentence(error, status), { cause: error });
    this.code = error.code ?? "";
    /** The user is not signed in (any longer): sign in and try again. */
    this.isSignedOut = status === 401;
    /** The same call may work in a moment. */
    this.isPassing = status === 0 || status === 408 || status === 429 || status >= 500;
    /** How many seconds the server asked to wait; 0 if it did not. */
    this.retryAfter = retryAfter;
  }
}

function sentence(error, status) {
  if (status === 401) return "You are signed out. Sign in, or paste a fresh access token.";
  if (status === 0) return "The server cannot be reached.";
  if (status === 404) return "There is no such job, or you may not see it.";
  const message = error.detail || error.message || "Something went wrong.";
  const sentences = [message[0].toUpperCase() + message.slice(1), error.hint].filter(Boolean);
  return sentences.map((each) => each.replace(/\.$/, "")).join(". ") + ".";
}

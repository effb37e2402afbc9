// The HTTP calls of the page.

/** @typedef {{name: string, title: string, description: string}} Template */

/** An answer that is not what was asked for; `code` as in the protocol, or `unreachable`. */
export class ApiError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
async function call(path, init) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch {
    throw new ApiError("unreachable", "no answer");
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  throw new ApiError(
    response.status === 409 ? "exists" : (body?.error?.code ?? "internal"),
    body?.error?.msg ?? "",
  );
}

/** @returns {Promise<Template[]>} */
export async function listTemplates() {
  const body = await call("/templates");
  return Array.isArray(body) ? body : body.templates;
}

/** @param {{id: string, template: string, name: string}} project */
export async function createProject(project) {
  await call("/projects", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(project),
  });
}

/** @param {string} project @param {string} rest */
const jobsPath = (project, rest) => `/projects/${encodeURIComponent(project)}/jobs${rest}`;

/** @param {string} project @returns {Promise<any[]>} what ran or runs, the newest first */
export async function jobsOf(project) {
  return (await call(jobsPath(project, ""))).jobs;
}

/** @param {string} project @param {string} job @returns {Promise<any>} with all that it printed */
export function jobOf(project, job) {
  return call(jobsPath(project, `/${encodeURIComponent(job)}`));
}

/** @param {string} project @param {string} job @returns {string} where its file can be had */
export function resultAddress(project, job) {
  return `/api/v1${jobsPath(project, `/${encodeURIComponent(job)}/result`)}`;
}

// The only way in which the portal asks the server: typed by the server's own description, and
// with errors that say what went wrong and what to do.

import createClient from 'openapi-fetch';
import type { components, paths } from './schema.gen';

export type Schemas = components['schemas'];
export type Camera = Schemas['Camera'];
export type CameraSettings = Schemas['CameraSettings'];
export type Analysis = Schemas['Analysis'];
export type OmmaEvent = Schemas['Event'];
export type Track = Schemas['Track'];
export type Me = Schemas['Me'];
export type User = Schemas['User'];

/** Why a request failed, in the server's words, or that there was no answer at all. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly hint: string | undefined,
    /** Of HTTP; 0 where no answer came. */
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** Whether the server is away, as opposed to refusing. */
  get away(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }
}

/** What the body of a refusal says, as far as it can be read. */
export function refusal(body: unknown, status: number): ApiError {
  const detail = (body as { error?: { message?: unknown; hint?: unknown } } | undefined)?.error;
  const message = typeof detail?.message === 'string' ? detail.message : `HTTP ${status}`;
  return new ApiError(message, typeof detail?.hint === 'string' ? detail.hint : undefined, status);
}

/** Proves that a change comes from this page, and not from another site in the same browser. */
const PROOF = 'x-omma-csrf';
const LOOKING = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Here a 401 says something other than that a session has ended. */
const OPEN = new Set(['/api/v1/me', '/api/v1/login', '/api/v1/setup']);

let proof: string | undefined;
const hearers = new Set<() => void>();

/** What the server wants to see with every change, as long as somebody is logged in. */
export function setProof(value: string | undefined): void {
  proof = value;
}

/** Calls `hear` when the server no longer knows who is asking; until the returned function is called. */
export function onSessionLost(hear: () => void): () => void {
  hearers.add(hear);
  return () => {
    hearers.delete(hear);
  };
}

/** Every request to the server goes through here, whatever it is for. Answers are not judged. */
export async function send(input: string | Request, init?: RequestInit): Promise<Response> {
  const request = input instanceof Request ? input : new Request(input, { credentials: 'same-origin', ...init });
  if (proof !== undefined && !LOOKING.has(request.method)) request.headers.set(PROOF, proof);
  const response = await fetch(request);
  if (response.status === 401 && !OPEN.has(new URL(request.url).pathname)) for (const hear of hearers) hear();
  return response;
}

export const api = createClient<paths>({ baseUrl: '', credentials: 'same-origin', fetch: send });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** An answer and its data; throws what went wrong. */
export async function askWhole<T>(answer: Promise<Answer<T>>): Promise<{ data: T; response: Response }> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(error instanceof Error ? error.message : String(error), undefined, 0);
  }
  if (!got.response.ok) throw refusal(got.error, got.response.status);
  return { data: got.data as T, response: got.response };
}

/** The data of an answer; throws what went wrong. */
export async function ask<T>(answer: Promise<Answer<T>>): Promise<T> {
  return (await askWhole(answer)).data;
}

/** Text or bytes from an address of the server. */
export async function fetchRaw(url: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await send(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(error instanceof Error ? error.message : String(error), undefined, 0);
  }
  if (!response.ok) throw refusal(await response.json().catch(() => undefined), response.status);
  return response;
}

export function cameraPath(camera: string, rest = ''): string {
  return `/api/v1/cameras/${encodeURIComponent(camera)}${rest}`;
}

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

export const api = createClient<paths>({ baseUrl: '', credentials: 'same-origin' });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; throws what went wrong. */
export async function ask<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(error instanceof Error ? error.message : String(error), undefined, 0);
  }
  if (!got.response.ok) throw refusal(got.error, got.response.status);
  return got.data as T;
}

/** Text or bytes from an address of the server. */
export async function fetchRaw(url: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: 'same-origin', ...init });
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

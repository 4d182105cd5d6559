// The server's API; api(name, query) answers its JSON. Nothing else in the page knows an address.

const BASE = new URL("../api/", import.meta.url)
export const ROOT = new URL("../../", import.meta.url)

// What the server says about a request. status 0: it was not reached.
export class ApiError extends Error {
  constructor(status, code, message, suggestion) {
    super(message)
    this.status = status
    this.code = code
    this.suggestion = suggestion ?? /did you mean '([^']+)'/.exec(message)?.[1]
  }
}

export const isAbort = (error) => error?.name === "AbortError"

const connection = new EventTarget()
let isGone = false
let waiting = null

// "gone" and "back".
export const onConnection = (what, action) => connection.addEventListener(what, action)
export const isConnected = () => !isGone

export function address(name, query = {}) {
  const url = new URL(name, BASE)
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(key, value)
  }
  return url
}

export async function request(name, query, { signal, cache = "default" } = {}) {
  let answer
  try {
    answer = await fetch(address(name, query), { signal, cache, credentials: "same-origin" })
  } catch (error) {
    if (isAbort(error)) throw error
    lost()
    throw new ApiError(0, "gone", "The server does not answer.")
  }
  found()
  if (answer.ok) return answer
  let said = null
  try {
    said = (await answer.json()).error
  } catch (error) {
    if (isAbort(error)) throw error
  }
  if (answer.status === 401 || answer.status === 403) {
    throw new ApiError(answer.status, said?.code ?? "refused", "The server wants its token: open the address that it printed.")
  }
  throw new ApiError(answer.status, said?.code ?? "failed", said?.message ?? `The server answered ${answer.status}.`, said?.suggestion)
}

export async function api(name, query, options) {
  const answer = await request(name, query, options)
  try {
    return await answer.json()
  } catch (error) {
    if (isAbort(error)) throw error
    lost()
    throw new ApiError(0, "gone", "The server's answer broke off.")
  }
}

function lost() {
  if (isGone) return
  isGone = true
  connection.dispatchEvent(new Event("gone"))
  ask()
}

// Asks again now and then, for as long as nothing answers.
function ask() {
  clearTimeout(waiting)
  waiting = setTimeout(async () => {
    if (!isGone) return
    try {
      await request("exports", {})
    } catch {
      // found() has been told if it was an answer.
    }
    if (isGone) ask()
  }, 2000)
}

function found() {
  if (!isGone) return
  isGone = false
  clearTimeout(waiting)
  connection.dispatchEvent(new Event("back"))
}

// Python that reads exactly the frame that is shown.

import { ROOT } from "./api.js"

const text = (value) => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`

// view: {path, frame, channels, mountPoint}.
export function overHTTP({ path, frame, channels }) {
  const url = new URL(path.split("/").map(encodeURIComponent).join("/").replaceAll("%2C", ",").replaceAll("%3D", "=").replaceAll("%2B", "+"), ROOT)
  return `# pip install h5py fsspec aiohttp
import os

import fsspec
import h5py

url = ${text(url.href)}
token = os.environ.get("EVH5_TOKEN", "")  # what follows token= in the address that evh5 printed
with fsspec.open(url, headers={"Authorization": f"Bearer {token}"}) as remote, h5py.File(remote) as file:
    frame = file["data"][${index(frame, channels)}]
print(frame.shape, frame.dtype)
`
}

export function throughMount({ path, frame, channels, mountPoint }) {
  return `# pip install h5py
import h5py

mount = ${text(mountPoint ?? "/mnt/h5")}${mountPoint ? "" : "  # where evh5 is mounted"}
with h5py.File(f"{mount}/" + ${text(path)}) as file:
    frame = file["data"][${index(frame, channels)}]
print(frame.shape, frame.dtype)
`
}

// h5py wants rising channels in a list.
function index(frame, channels) {
  if (channels === "all") return String(frame)
  const list = [...new Set(channels.split(",").map(Number))].sort((a, b) => a - b)
  return `${frame}, [${list.join(", ")}]`
}

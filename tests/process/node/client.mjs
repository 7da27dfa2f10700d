// A listener in another language, written from PROTOCOL.md alone: joins late without a gap, follows
// some events, asks each op, and prints what it found as one JSON object.

import { Request, Subscriber } from "zeromq"

const [eventsEndpoint, stateEndpoint] = process.argv.slice(2)
const EVENTS = 60

const subscriber = new Subscriber({ linger: 0, receiveTimeout: 5000 })
subscriber.connect(eventsEndpoint)
subscriber.subscribe("")

const request = new Request({ linger: 0, receiveTimeout: 5000 })
request.connect(stateEndpoint)

async function ask(op, members = {}) {
  await request.send(JSON.stringify({ op, ...members }))
  const [frame] = await request.receive()
  return JSON.parse(frame.toString("utf8"))
}

async function event() {
  const [topic, body] = await subscriber.receive()
  const parsed = JSON.parse(body.toString("utf8"))
  if (parsed.v !== 1 || parsed.name !== topic.toString("utf8")) throw new Error("not the protocol")
  return parsed
}

function apply(state, { name, data }) {
  const path = name === "system.identity" ? name
    : name.endsWith(".updated") ? name.slice(0, -".updated".length) : null
  if (path === null) return
  const parts = path.split(".")
  const last = parts.pop()
  let node = state
  for (const part of parts) node = node[part] ??= {}
  node[last] = data
}

await event() // the subscription is in force
const snapshot = await ask("snapshot")
const state = snapshot.state
let seq = snapshot.seq
let holes = 0

async function follow() {
  const next = await event()
  if (next.epoch !== snapshot.epoch) throw new Error("another epoch")
  if (next.seq <= seq) return
  if (next.seq !== seq + 1) holes += 1
  seq = next.seq
  apply(state, next)
}

while (seq < snapshot.seq + EVENTS) await follow()
const later = await ask("snapshot")
while (seq < later.seq) await follow()

const sorted = (value) => Array.isArray(value) ? value.map(sorted)
  : value !== null && typeof value === "object"
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
    : value
const same = JSON.stringify(sorted(state)) === JSON.stringify(sorted(later.state))

const described = await ask("describe")
const metric = described.metrics.find((m) => m.charts.some((c) => c.rows === null))
const series = `${metric.state}.${metric.charts.find((c) => c.rows === null).series[0]}`
console.log(JSON.stringify({
  holes,
  same,
  host: later.host,
  ping: await ask("ping", { id: 7 }),
  get: await ask("get", { path: metric.state }),
  metrics: described.metrics.map((m) => m.name),
  series,
  history: await ask("history", { series, points: 5 }),
  health: await ask("health"),
  refused: [await ask("nonsense"), await ask("get", { path: "no.such" }), await ask("get")],
}))
subscriber.close()
request.close()

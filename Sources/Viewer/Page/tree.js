// The recordings: folders that open, or what a search found. Arrow keys move, Enter opens.

import { api, isAbort } from "./api.js"
import { el, icon, debounce } from "./dom.js"
import { bytes, duration, rate } from "./format.js"

const PAGE = 200

export class Tree {
  constructor(element, search, note, choose) {
    Object.assign(this, { element, search, note, choose })
    this.chosen = null
    element.addEventListener("keydown", (event) => this.key(event))
    const find = debounce(200, () => this.find())
    search.addEventListener("input", find)
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") {
        this.items()[0]?.focus()
        event.preventDefault()
      } else if (event.key === "Escape" && search.value) {
        search.value = ""
        this.find()
      }
    })
  }

  async open() {
    const list = el("div", { role: "tree", "aria-label": "Recordings" })
    this.root = list
    try {
      this.note.textContent = "Reading the folder ..."
      const answer = await api("tree", { path: "" })
      this.fill(list, answer, 1)
      this.note.textContent = answer.folders.length + answer.recordings.length === 0 ? "There are no recordings here." : ""
      this.element.replaceChildren(list)
      this.settle()
      return answer
    } catch (error) {
      this.note.textContent = error.message
      return null
    }
  }

  async find() {
    this.abort?.abort()
    const text = this.search.value.trim()
    if (text === "") {
      this.note.textContent = ""
      if (this.root) this.element.replaceChildren(this.root)
      this.settle()
      return
    }
    this.abort = new AbortController()
    try {
      const answer = await api("search", { q: text, limit: PAGE }, { signal: this.abort.signal })
      const list = el("div", { role: "tree", "aria-label": "Recordings found" })
      for (const recording of answer.recordings) list.append(this.recording(recording, 1, recording.path))
      this.element.replaceChildren(list)
      this.note.textContent = answer.recordings.length === 0 ? "Nothing has this in its path." : answer.more ? `The first ${answer.recordings.length}; write more of the path.` : ""
      this.settle()
    } catch (error) {
      if (!isAbort(error)) this.note.textContent = error.message
    }
  }

  fill(list, answer, level) {
    for (const name of answer.folders) list.append(this.folder(answer.path ? `${answer.path}/${name}` : name, name, level))
    this.page(list, answer.recordings, level)
    if (answer.more) list.append(el("p", { class: "not-shown" }, `The first ${answer.recordings.length}; search finds the others.`))
    for (const one of answer.not_shown ?? []) {
      const name = one.path.split("/").pop()
      list.append(el("p", { class: "not-shown", title: one.reason }, `${name}: ${one.reason}`))
    }
  }

  // Of ten thousand recordings some hundreds at a time.
  page(list, recordings, level) {
    const before = list.querySelector(":scope > .not-shown")
    const add = (element) => list.insertBefore(element, before)
    for (const recording of recordings.slice(0, PAGE)) add(this.recording(recording, level, recording.name))
    const rest = recordings.slice(PAGE)
    if (rest.length === 0) return
    const more = el("div", { role: "treeitem", class: "item more", "aria-level": level, tabindex: -1, onclick: () => {
      const last = more.previousElementSibling
      more.remove()
      this.page(list, rest, level)
      this.focus(last.nextElementSibling)
    } }, `${rest.length} more`)
    add(more)
  }

  folder(path, name, level) {
    const group = el("div", { role: "group", hidden: true })
    const head = el("div", { class: "item-head" }, icon("turn"), icon("folder"), el("span", { class: "item-name" }, name))
    const item = el("div", { role: "treeitem", class: "item folder", "aria-expanded": "false", "aria-level": level, "aria-label": name, tabindex: -1 }, head, group)
    item.path = path
    head.style.paddingInlineStart = `${level * 14 - 8}px`
    head.addEventListener("click", () => {
      this.focus(item)
      this.toggle(item)
    })
    return item
  }

  async toggle(item, isOpen = item.getAttribute("aria-expanded") !== "true") {
    item.setAttribute("aria-expanded", String(isOpen))
    const group = item.querySelector(":scope > [role=group]")
    group.hidden = !isOpen
    if (!isOpen || item.isRead) return
    item.isRead = true
    group.replaceChildren(el("p", { class: "not-shown" }, "Reading the folder ..."))
    try {
      const answer = await api("tree", { path: item.path })
      group.replaceChildren()
      this.fill(group, answer, Number(item.getAttribute("aria-level")) + 1)
      if (group.children.length === 0) group.append(el("p", { class: "not-shown" }, "No recordings."))
      this.mark()
    } catch (error) {
      item.isRead = false
      group.replaceChildren(el("p", { class: "not-shown" }, error.message))
    }
  }

  recording(recording, level, name) {
    const item = el("div", { role: "treeitem", class: "item", "aria-level": level, tabindex: -1, onclick: () => {
      this.focus(item)
      this.choose(recording)
    } })
    item.style.paddingInlineStart = `${level * 14 + 10}px`
    item.recording = recording
    item.shownName = name
    this.write(item)
    if (recording.path === this.chosen) item.setAttribute("aria-selected", "true")
    return item
  }

  write(item) {
    const r = item.recording
    const perSecond = r.rate ?? (r.events && r.duration_us ? r.events / (r.duration_us / 1e6) : null)
    const facts = [r.width && r.height ? `${r.width}x${r.height}` : "", bytes(r.size), duration(r.duration_us), rate(perSecond), r.format].filter(Boolean)
    item.replaceChildren(el("span", { class: "item-name" }, item.shownName), el("span", { class: "item-facts" }, facts.join("  ")),
      r.damage?.length ? el("span", { class: "item-damage" }, `Damaged: ${r.damage[0]}${r.damage.length > 1 ? ` (and ${r.damage.length - 1} more)` : ""}`) : "")
  }

  // What `recording` told that `tree` had not.
  learn(facts) {
    for (const item of this.element.querySelectorAll("[role=treeitem]")) {
      if (item.recording?.path !== facts.path) continue
      item.recording = { ...item.recording, ...facts }
      this.write(item)
    }
  }

  select(path) {
    this.chosen = path
    this.mark()
  }

  mark() {
    for (const item of this.element.querySelectorAll("[role=treeitem]")) {
      if (!item.recording) continue
      const isChosen = item.recording.path === this.chosen
      if (isChosen) item.setAttribute("aria-selected", "true")
      else item.removeAttribute("aria-selected")
    }
    this.settle()
  }

  // Opens the folders down to a recording.
  async reveal(path) {
    this.chosen = path
    const names = path.split("/").slice(0, -1)
    for (let k = 1; k <= names.length; k++) {
      const folder = names.slice(0, k).join("/")
      const item = [...this.element.querySelectorAll(".folder")].find((one) => one.path === folder)
      if (!item) break
      await this.toggle(item, true)
    }
    this.mark()
    this.element.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" })
  }

  // One item takes part in Tab's order: the focused one, the chosen one, or the first.
  settle() {
    const items = this.items()
    const now = items.find((item) => item === document.activeElement) ?? items.find((item) => item.getAttribute("aria-selected")) ?? items[0]
    for (const item of items) item.tabIndex = item === now ? 0 : -1
  }

  items() { return [...this.element.querySelectorAll("[role=treeitem]")].filter((item) => item.offsetParent !== null) }

  focus(item) {
    for (const other of this.element.querySelectorAll("[role=treeitem][tabindex='0']")) other.tabIndex = -1
    if (!item) return
    item.tabIndex = 0
    item.focus()
  }

  key(event) {
    const item = event.target.closest("[role=treeitem]")
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return
    const items = this.items()
    const at = items.indexOf(item)
    const isFolder = item.classList.contains("folder")
    const isOpen = item.getAttribute("aria-expanded") === "true"
    switch (event.key) {
      case "ArrowDown": this.focus(items[at + 1] ?? item); break
      case "ArrowUp": if (at === 0) this.search.focus(); else this.focus(items[at - 1]); break
      case "Home": this.focus(items[0]); break
      case "End": this.focus(items[items.length - 1]); break
      case "ArrowRight": if (isFolder && !isOpen) this.toggle(item, true); else if (isFolder) this.focus(items[at + 1] ?? item); break
      case "ArrowLeft": if (isFolder && isOpen) this.toggle(item, false); else this.focus(item.parentElement.closest("[role=treeitem]") ?? item); break
      case "Enter": case " ": if (isFolder) this.toggle(item); else item.click(); break
      default: return
    }
    event.preventDefault()
    event.stopPropagation()
  }
}

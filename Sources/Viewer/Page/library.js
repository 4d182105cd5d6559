// The recordings' panel: always there on a wide page, over the page on a narrow one.

export class Library {
  constructor(panel, toggle, close) {
    Object.assign(this, { panel, toggleButton: toggle })
    toggle.addEventListener("click", () => (this.isOpen ? this.close() : this.open()))
    close.addEventListener("click", () => {
      this.close()
      toggle.focus()
    })
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || !this.isOpen) return
      this.close()
      toggle.focus()
    })
    document.addEventListener("pointerdown", (event) => {
      if (this.isOpen && !panel.contains(event.target) && !toggle.contains(event.target)) this.close()
    })
  }

  get isOpen() { return this.panel.classList.contains("open") }

  open() {
    this.panel.classList.add("open")
    this.toggleButton.setAttribute("aria-expanded", "true")
    this.panel.querySelector("input").focus()
  }

  close() {
    this.panel.classList.remove("open")
    this.toggleButton.setAttribute("aria-expanded", "false")
  }
}

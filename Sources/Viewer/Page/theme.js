// Dark, light, or as the system says; kept in this browser.

const NAMES = { auto: "Auto", dark: "Dark", light: "Light" }
const media = matchMedia("(prefers-color-scheme: light)")

export function stored(key, standard) {
  try {
    return localStorage.getItem(`evh5.${key}`) ?? standard
  } catch {
    return standard
  }
}

export function store(key, value) {
  try {
    localStorage.setItem(`evh5.${key}`, value)
  } catch {
    // A browser that keeps nothing.
  }
}

export class Theme extends EventTarget {
  constructor(button, label) {
    super()
    Object.assign(this, { button, label })
    this.choice = stored("theme", "auto")
    if (!(this.choice in NAMES)) this.choice = "auto"
    media.addEventListener("change", () => this.apply())
    button.addEventListener("click", () => this.next())
    this.apply()
  }

  get isLight() { return this.choice === "light" || (this.choice === "auto" && media.matches) }

  next() {
    const order = Object.keys(NAMES)
    this.choice = order[(order.indexOf(this.choice) + 1) % order.length]
    store("theme", this.choice)
    this.apply()
  }

  apply() {
    document.documentElement.dataset.theme = this.isLight ? "light" : "dark"
    this.label.textContent = NAMES[this.choice]
    this.button.setAttribute("aria-label", `Colours: ${NAMES[this.choice]}`)
    this.dispatchEvent(new Event("change"))
  }
}

// Builds elements without parsing markup, so that user text is never HTML (W3C Trusted Types).

/** Creates an element. `on…` props become listeners, others attributes; null and false children are skipped. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "open") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Creates a button. If its content is a symbol, pass `aria-label`. */
export function button(words, onclick, props = {}) {
  return h("button", { type: "button", onclick, ...props }, words);
}

const signatures = new WeakMap(); // the signature of each element when it was created

/**
 * Updates the children of `parent` to match `items`, in this order. An element is replaced only if its `sign` (a string
 * of everything it shows) has changed; the focus then moves to the new part with the same `data-focus`.
 */
export function keep(parent, items, { key, sign, make }) {
  const old = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const signature = sign(item);
    let element = old.get(name);
    old.delete(name);
    if (!element || signatures.get(element) !== signature) {
      const made = make(item);
      made.dataset.key = name;
      signatures.set(made, signature);
      if (element) {
        if (place === element) place = made;
        replaceKeepingFocus(element, made);
      }
      element = made;
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of old.values()) element.remove();
}

function replaceKeepingFocus(old, made) {
  const focused = old.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  old.replaceWith(made);
  if (focused) (made.dataset.focus === focused ? made : made.querySelector(`[data-focus="${focused}"]`))?.focus();
}

/** Turns http(s) URLs in the text into links that send no referrer. */
export function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])/u).map((part, i) => {
    if (i % 2 === 0 || !URL.canParse(part)) return part;
    return h("a", { href: part, target: "_blank", rel: "noopener noreferrer nofollow" }, part);
  });
}

/** Text for screen readers only. */
export function spoken(words) {
  return h("span", { class: "spoken" }, words);
}

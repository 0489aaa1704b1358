// Elements without markup in strings: text is always text, whatever people write (W3C Trusted Types).

/** Makes an element; `on…` props are listeners, `class`, `aria-…` and the like attributes; null children are left out. */
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

/** A button with words; `label` is what a screen reader says where the words are a sign. */
export function button(words, onclick, props = {}) {
  return h("button", { type: "button", onclick, ...props }, words);
}

const signs = new WeakMap(); // what an element showed when it was made

/**
 * Makes the children of `parent` those of `items`, in this order. An element stays as it is while its `sign` (a string
 * of all that it shows) does; one that is made anew keeps the focus of its old part with the same `data-focus`.
 */
export function keep(parent, items, { key, sign, make }) {
  const old = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const signature = sign(item);
    let element = old.get(name);
    old.delete(name);
    if (!element || signs.get(element) !== signature) {
      const made = make(item);
      made.dataset.key = name;
      signs.set(made, signature);
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

/** Text with its http(s) addresses as links, which get no word about where they were clicked. */
export function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])/u).map((part, i) => {
    if (i % 2 === 0 || !URL.canParse(part)) return part;
    return h("a", { href: part, target: "_blank", rel: "noopener noreferrer nofollow" }, part);
  });
}

/** Words for a screen reader alone. */
export function spoken(words) {
  return h("span", { class: "spoken" }, words);
}

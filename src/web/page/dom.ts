/** The little that the page needs of a view library: elements with attributes and children. */

type Child = Node | string;
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

const svg = "http://www.w3.org/2000/svg";

/** An HTML element; attributes that are false or undefined are left out. */
export function h<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[T] {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s<T extends keyof SVGElementTagNameMap>(
  tag: T,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[T] {
  return filled(document.createElementNS(svg, tag), attributes, children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  element.append(...children);
  return element;
}

/** The element of page.html with this id. */
export function byId<T extends keyof HTMLElementTagNameMap>(tag: T, id: string): HTMLElementTagNameMap[T] {
  const found = document.querySelector<HTMLElementTagNameMap[T]>(`${tag}#${id}`);
  if (found === null) throw new Error(`the page has no ${tag} with the id ${id}`);
  return found;
}

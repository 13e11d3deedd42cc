/**
 * The host's policy forbids strings as HTML. Charts empty their container that way: the empty string, and no other, may
 * pass.
 */
export function allowEmptyHtml(): void {
  const types = (window as { trustedTypes?: { createPolicy(name: string, rules: object): unknown } }).trustedTypes
  types?.createPolicy('default', { createHTML: (html: string) => (html === '' ? html : null) })
}

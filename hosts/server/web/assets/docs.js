// Shows /api/openapi.json to people: operations, parameters, schemas, error codes, and a search over all of it.

import { $, el, elderSwitch, facts, setText } from './page.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
let spec = {};

$('tools').append(elderSwitch());

const nameOf = (ref) => decodeURIComponent(ref.slice(ref.lastIndexOf('/') + 1));

function resolve(node) {
  for (let i = 0; node?.$ref && i < 8; i++) {
    node = node.$ref.slice(2).split('/').reduce((at, part) => at?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], spec);
  }
  return node ?? {};
}

/** A type in a few words, with links to named schemas. */
function typeOf(schema, depth = 0) {
  if (schema === true || !schema || depth > 6) return el('code', {}, '任意');
  if (schema.$ref) return el('a', { href: `#schema-${nameOf(schema.$ref)}` }, nameOf(schema.$ref));
  const many = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (many) return el('span', {}, ...many.flatMap((s, i) => (i ? [' | ', typeOf(s, depth + 1)] : [typeOf(s, depth + 1)])));
  if (schema.const !== undefined) return el('code', {}, JSON.stringify(schema.const));
  if (schema.enum) return el('span', {}, ...schema.enum.flatMap((v, i) => (i ? [' ', el('code', {}, String(v))] : [el('code', {}, String(v))])));
  if (schema.type === 'array') return el('span', {}, typeOf(schema.items, depth + 1), '[]');
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : schema.type ?? (schema.properties ? 'object' : '任意');
  const limits = [['minimum', '≥ '], ['maximum', '≤ '], ['minLength', '长度 ≥ '], ['maxLength', '长度 ≤ ']].filter(([k]) => schema[k] !== undefined).map(([k, w]) => `${w}${schema[k]}`);
  return el('span', {}, el('code', {}, schema.format ? `${type}(${schema.format})` : type), limits.length ? ` ${limits.join('，')}` : '');
}

function propertiesOf(schema) {
  const { properties = {}, required = [] } = schema;
  return el('table', {}, el('tbody', {}, ...Object.entries(properties).map(([name, p]) => el('tr', {}, el('th', { scope: 'row' }, el('code', {}, name), required.includes(name) ? el('span', { class: 'must', title: '必填' }, ' *') : ''), el('td', {}, typeOf(p)), el('td', {}, p.description ?? '')))));
}

function shape(schema) {
  if (!schema) return '';
  if (schema.properties) return propertiesOf(schema);
  return el('p', {}, typeOf(schema));
}

function body(content) {
  return Object.entries(content ?? {}).map(([type, { schema }]) => el('div', {}, el('p', { class: 'hint' }, type), shape(schema)));
}

const codesOf = (op) => (op['x-error-codes'] ?? op['x-errors'] ?? []).map((c) => (typeof c === 'string' ? c : c.code));

function operation(path, method, op, shared) {
  const parameters = [...(shared ?? []), ...(op.parameters ?? [])].map(resolve);
  const request = resolve(op.requestBody);
  const short = op.description?.length < 40 && !op.description.includes('\n'); // the operation's name in Chinese
  const list = (v) => (Array.isArray(v) ? v.join('、') : v ?? '');
  const rules = [['可调用者', list(op['x-callers'])], ['所需权限', list(op['x-permission'])], ['每分钟上限', op['x-per-minute'] === undefined || op['x-per-minute'] === null ? '' : String(op['x-per-minute'])]];
  const IN = { path: '路径', query: '查询', header: '请求头', cookie: 'Cookie' };
  return el('details', { class: 'op', 'data-text': JSON.stringify([method, path, op]).toLowerCase(), id: op.operationId ? `op-${op.operationId}` : null },
    el('summary', {}, el('span', { class: `method ${method}` }, method.toUpperCase()), el('code', { class: 'path' }, path), el('span', { class: 'summary' }, short ? op.description : op.summary ?? op.operationId ?? '')),
    short ? (op.summary ? el('p', {}, op.summary) : '') : op.description ? el('p', { class: 'pre' }, op.description) : '',
    rules.some(([, v]) => v) ? el('dl', { class: 'facts' }, ...facts(rules)) : '',
    parameters.length ? el('h4', {}, '参数') : '',
    parameters.length ? el('table', {}, el('tbody', {}, ...parameters.map((p) => el('tr', {}, el('th', { scope: 'row' }, el('code', {}, p.name), p.required ? el('span', { class: 'must', title: '必填' }, ' *') : ''), el('td', {}, IN[p.in] ?? p.in), el('td', {}, typeOf(p.schema)), el('td', {}, p.description ?? ''))))) : '',
    request.content ? el('h4', {}, '请求体') : '', ...body(request.content),
    codesOf(op).length ? el('h4', {}, '错误码') : '', codesOf(op).length ? el('p', {}, ...codesOf(op).flatMap((c) => [el('code', {}, c), ' '])) : '',
    el('h4', {}, '应答'),
    ...Object.entries(op.responses ?? {}).map(([status, r]) => {
      const response = resolve(r);
      return el('div', { class: 'response' }, el('p', {}, el('strong', { class: `status s${status[0]}` }, status), ` ${response.description ?? ''}`), ...body(response.content));
    }));
}

/** Error codes, wherever the description keeps them. */
function errorCodes() {
  const found = new Map();
  const put = (code, words = '', status = '') => {
    const old = found.get(code) ?? {};
    found.set(code, { words: words || old.words || '', status: status || old.status || '' });
  };
  const listed = spec['x-error-codes'] ?? spec['x-errors'] ?? spec.info?.['x-error-codes'] ?? [];
  for (const [key, value] of Object.entries(listed)) {
    if (typeof value === 'string') Array.isArray(listed) ? put(value) : put(key, value);
    else put(value.code ?? key, value.title ?? value.message ?? value.description ?? value.detail, String(value.status ?? ''));
  }
  const problem = spec.components?.schemas?.Problem?.properties?.code ?? {};
  for (const code of resolve(problem).enum ?? resolve(problem).examples ?? []) put(code);
  for (const one of problem.oneOf ?? []) if (one.const) put(one.const, one.description ?? one.title);
  return found;
}

function draw() {
  setText($('title'), spec.info?.title ?? '接口文档');
  setText($('about'), [spec.info?.version ? `版本 ${spec.info.version}` : '', spec.info?.description ?? ''].filter(Boolean).join(' · '));
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths ?? {})) {
    for (const method of METHODS) {
      const op = item[method];
      if (!op) continue;
      const tag = op.tags?.[0] ?? '接口';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, method, op, item.parameters));
    }
  }
  $('operations').replaceChildren(...[...groups].map(([tag, ops]) => el('section', { class: 'group' }, el('h2', {}, tag), ...ops)));
  const schemas = Object.entries(spec.components?.schemas ?? {});
  $('schemas').replaceChildren(...(schemas.length ? [el('section', { class: 'group' }, el('h2', {}, '数据结构'), ...schemas.map(([name, schema]) => el('details', { class: 'op', id: `schema-${name}`, 'data-text': JSON.stringify([name, schema]).toLowerCase() }, el('summary', {}, el('code', { class: 'path' }, name), el('span', { class: 'summary' }, schema.title && schema.title !== name ? schema.title : '')), schema.description ? el('p', { class: 'pre' }, schema.description) : '', shape(schema))))] : []));
  const codes = [...errorCodes()];
  $('codes').replaceChildren(...(codes.length ? [el('section', { class: 'group' }, el('h2', {}, '错误码'), el('table', { class: 'codes' }, el('tbody', {}, ...codes.map(([code, { words, status }]) => el('tr', { 'data-text': `${code} ${words} ${status}`.toLowerCase() }, el('th', { scope: 'row' }, el('code', {}, code)), el('td', {}, status), el('td', {}, words))))))] : []));
  search();
  reveal();
}

function search() {
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const node of document.querySelectorAll('[data-text]')) {
    const fits = words.every((w) => node.dataset.text.includes(w));
    node.hidden = !fits;
    if (fits) shown++;
  }
  for (const group of document.querySelectorAll('.group')) group.hidden = !group.querySelector('[data-text]:not([hidden])');
  setText($('found'), words.length ? (shown ? `找到 ${shown} 项` : '没有找到，请换一个词') : '');
}

function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.hidden) {
    $('search').value = '';
    search();
  }
  target.open = true;
  target.scrollIntoView();
}

$('search').addEventListener('input', search);
window.addEventListener('hashchange', reveal);

try {
  const response = await fetch('/api/openapi.json');
  if (!response.ok) throw new Error(String(response.status));
  spec = await response.json();
  draw();
} catch {
  setText($('found'), '接口说明暂时读不到，请刷新页面再试。');
}

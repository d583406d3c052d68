// openapi.mjs check FILE...       are these OpenAPI documents?
// openapi.mjs same FILE.yaml...   do they say what FILE.json says?
// openapi.mjs replies FILE URL    does the service there answer as the document says? Every reply has to be of a status that its operation
//                                 names, and of a content type and a schema that it names for that.
import { createRequire } from 'module';
import { readFileSync } from 'fs';

const require = createRequire(process.env.AEON_NODE_FOLDER + '/');
const { Validator } = await import(require.resolve('@seriousme/openapi-schema-validator'));
const Ajv = require('ajv/dist/2020').default;
const YAML = require('yaml');
const formats = require('ajv-formats').default;

const [what, file] = process.argv.slice(2);
let failed = 0;
function complain(...words) {
  failed++;
  console.log(...words);
}

async function check(name) {
  const document = readFileSync(name, 'utf8');
  const { valid, errors } = await new Validator().validate(name.endsWith('.json') ? JSON.parse(document) : document);
  if (!valid) complain(name, JSON.stringify(errors, null, 1));
  const ids = [...document.matchAll(/"?operationId"?: "?([^\s",]+)/g)].map((match) => match[1]);
  if (new Set(ids).size !== ids.length) complain(name, 'one operationId twice:', ids);
}

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
const json = { 'Content-Type': 'application/json' };
const photo = new FormData();
photo.set('caption', 'sea');
photo.set('about', '{"title": "a picture", "price": 1}');
photo.set('photo', new Blob(['no picture']), 'sea.png');

// The operation, the path that is asked for, what is sent, the status that comes; and whether the body has no end.
const requests = [
  ['get /items', '/items?sort=price&limit=2&tags=a&tags=b&prices={"least":1}', {}, 200],
  ['get /items', '/items?sort=colour&limit=1000', {}, 400],
  ['post /items', '/items', { headers: json, body: '{"title":"a cup","price":1}' }, 201],
  ['post /items', '/items', { headers: json, body: '{"title":"a kettle","price":1}' }, 409],
  ['post /items', '/items', { headers: json, body: '{"title":""}' }, 400],
  ['post /items', '/items', { headers: json, body: `{"title":"${'x'.repeat(5000)}","price":1}` }, 413],
  ['get /items/{id}', '/items/7', {}, 200],
  ['get /items/{id}', '/items/seven', {}, 400],
  ['get /items/{id}', '/items/404', {}, 404],
  ['get /items/{id}', '/items/500', {}, 500],
  ['delete /items/{id}', '/items/7', {}, 204],
  ['put /items/{id}', '/items/7', {}, 200],
  ['post /login', '/login', { headers: form, body: 'name=Ada&password=x' }, 204],
  ['post /login', '/login', { headers: form, body: 'name=&remember=perhaps' }, 400],
  ['post /login', '/login', { headers: json, body: '{}' }, 415],
  ['post /photos', '/photos', { body: photo }, 200],
  ['get /items.csv', '/items.csv', {}, 200],
  ['get /tree', '/tree', {}, 200],
  ['get /slow', '/slow', {}, 504],
  ['get /events', '/events', {}, 200, 'endless'],
  ['get /files/{path}', '/files/hello.txt', {}, 200],
  ['get /files/{path}', '/files/hello.txt', { headers: { Range: 'bytes=1-2' } }, 206],
  ['get /files/{path}', '/files/hello.txt', { headers: { 'If-None-Match': '*' } }, 304],
  ['get /files/{path}', '/files/hello.txt', { headers: { 'If-Match': '"x"' } }, 412],
  ['get /files/{path}', '/files/hello.txt', { headers: { Range: 'bytes=100-' } }, 416],
  ['get /files/{path}', '/files/nothing', {}, 404],
];

async function replies(url) {
  const document = JSON.parse(readFileSync(file));
  const ajv = new Ajv({ strict: false });
  formats(ajv);
  ajv.addSchema(document, 'document');
  const asked = new Set();
  for (const [operation, path, request, wanted, endless] of requests) {
    const [method, key] = operation.split(' ');
    const { responses } = document.paths[key][method];
    const reply = await fetch(url + path, { method: method.toUpperCase(), ...request });
    const body = endless ? (await reply.body.cancel(), 'some') : await reply.text();
    const name = `${method} ${path.slice(0, 40)}: ${reply.status}`;
    asked.add(operation);
    if (reply.status !== wanted) complain(name, 'in place of', wanted, body);
    let described = responses[reply.status] ?? responses[`${Math.floor(reply.status / 100)}XX`];
    if (!described) {
      complain(name, 'is not described');
      continue;
    }
    if (described.$ref) described = document.components.responses[described.$ref.split('/').pop()];
    const type = reply.headers.get('content-type')?.split(';')[0];
    const content = described.content?.[type] ?? described.content?.['*/*'];
    if (described.content ? !content : body && responses[reply.status]) complain(name, 'has the type', type, 'of', described.content);
    if (content?.schema && !ajv.validate({ $ref: content.schema.$ref.replace('#', 'document#') }, JSON.parse(body)))
      complain(name, body, ajv.errorsText());
  }
  for (const [key, item] of Object.entries(document.paths))
    for (const method of Object.keys(item).filter((one) => item[one].responses))
      if (!asked.has(`${method} ${key}`)) complain(method, key, 'was not asked');
}

function same(name) {
  const [yaml, json] = [YAML.parse(readFileSync(name, 'utf8')), JSON.parse(readFileSync(name.replace('.yaml', '.json')))];
  if (JSON.stringify(yaml) !== JSON.stringify(json)) complain(name, 'and its JSON differ');
}

if (what === 'same') process.argv.slice(3).forEach(same);
else if (what === 'check') for (const name of process.argv.slice(3)) await check(name);
else await replies(process.argv[4]);
process.exit(failed || process.argv.length < 4 ? 1 : 0);

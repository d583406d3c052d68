// Are these AsyncAPI documents? Every error of the official parser is printed.
import { createRequire } from 'module';
import { readFileSync } from 'fs';

const require = createRequire(process.env.AEON_NODE_FOLDER + '/');
const { Parser } = require('@asyncapi/parser');
const parser = new Parser();
let failed = process.argv.length < 3;
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(readFileSync(file, 'utf8'));
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 0);
  errors.forEach((error) => console.log(`${file}: ${error.path.join('.')}: ${error.message}`));
  failed ||= !document || errors.length > 0;
}
process.exit(failed ? 1 : 0);

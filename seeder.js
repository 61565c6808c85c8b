#!/usr/bin/env node
// Required, not imported: Node looks through the text of a CommonJS file that a module imports, which takes 6 ms.
process.getBuiltinModule('node:module').createRequire(import.meta.url)('./dist/bin/seeder.start.cjs');

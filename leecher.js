#!/usr/bin/env node
process.getBuiltinModule('node:module').createRequire(import.meta.url)('./dist/bin/leecher.start.cjs');

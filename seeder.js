#!/usr/bin/env node
import './dist/bin/seeder.js';

#!/usr/bin/env node
import './dist/seeder/main.js';

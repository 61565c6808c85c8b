#!/usr/bin/env node
import './dist/tracker/main.js';

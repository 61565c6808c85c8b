#!/usr/bin/env node
import './dist/leecher/main.js';

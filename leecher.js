#!/usr/bin/env node
import './dist/bin/leecher.js';

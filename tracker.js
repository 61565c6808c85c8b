#!/usr/bin/env node
import './dist/bin/tracker.js';

'use strict';
// For those who load the module themselves, in Node and Bun.
const { provide, ...api } = require('./core.cjs');

module.exports = api;

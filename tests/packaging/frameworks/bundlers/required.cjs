const api = require('vetassist');
const { fromPglite } = require('vetassist/client');
const metadata = require('vetassist/metadata');
const { initSync } = require('vetassist/slim');
const { provider } = require('vetassist/testing');
const { check } = require('./check.mjs');

const issued = provider().issue().token_type;
console.log(JSON.stringify([check(api, metadata), typeof fromPglite, typeof initSync, issued]));

// Has uses with `require`.
import api = require('vetassist');
import slim = require('vetassist/slim');

const key: api.Key = new api.Key(api.generateKey());
const row = {} as api.User;
// @ts-expect-error a number is not text
key.seal(5);
slim.initSync(new Uint8Array(0));

export = { text: key.openText(key.seal(row.id)) };

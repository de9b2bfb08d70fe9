// For vetassist/slim: the caller passes the modules.

export const module = undefined;
export const schema = undefined;
export const metadata = undefined;

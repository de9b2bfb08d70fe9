// vetassist/slim: the caller brings the modules.

export const module = undefined;
export const schema = undefined;
export const metadata = undefined;

import { omissionOf } from "../git/triage.ts";

const secret =
  /(^|\/)(\.env([.-][^/]*)?|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx)|id_(rsa|dsa|ecdsa|ed25519)[^/]*|\.?credentials(\.[a-z]+)?|\.netrc|\.npmrc|\.pypirc|\.git-credentials|\.htpasswd|secrets?\.(json|ya?ml|toml|env))$/i;
const notText =
  /\.(png|jpe?g|gif|webp|ico|icns|bmp|svg|pdf|zip|gz|tgz|bz2|xz|7z|rar|jar|war|exe|dll|so|dylib|node|wasm|o|a|class|pyc|woff2?|ttf|otf|eot|mp[34]|mov|avi|webm|wav|flac|db|sqlite3?|vsix|gguf|safetensors|bin)$/i;

export const maxIndexed = 1024 * 1024;

/** Why a file is not searched; null = it is. Secrets never come into an index or an answer. */
export function skipReason(path: string, bytes: number): string | null {
  if (secret.test(path)) return "secret";
  if (notText.test(path)) return "binary";
  if (bytes > maxIndexed) return "large";
  return omissionOf(path);
}

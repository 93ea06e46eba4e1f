export { cryptoProviderCases, describeCryptoProvider } from "./crypto-provider.ts"

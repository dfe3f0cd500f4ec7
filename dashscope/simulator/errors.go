package simulator

import "net/http"

// A failure is how the service refuses, or why a task failed.
type failure struct {
	status  int
	code    string
	message string
}

// failures are the codes of the service's error page with the text and HTTP
// status that it gives for each.
var failures = []failure{
	{400, "InvalidParameter", "Required body invalid, please check the request body format."},
	{400, "BadRequest.EmptyInput", "Required input parameter missing from request."},
	{400, "BadRequest.EmptyModel", `Required parameter "model" missing from request.`},
	{400, "BadRequest.EmptyParameters", `Required parameter "parameters" missing from request.`},
	{400, "BadRequest.IllegalInput", "The input parameter requires json format."},
	{400, "DataInspectionFailed", "Input or output data may contain inappropriate content."},
	{400, "IPInfringementSuspect", "Input data is suspected of being involved in IP infringement."},
	{400, "Arrearage", "Access denied, please make sure your account is in good standing."},
	{400, "UnsupportedOperation", "The operation is unsupported on the referee object."},
	{401, "InvalidApiKey", "Invalid API-key provided."},
	{403, "AccessDenied", "Access denied."},
	{403, "AccessDenied.Unpurchased", "Access to model denied. Please make sure you are eligible for using the model."},
	{403, "Model.AccessDenied", "Model access denied."},
	{403, "Workspace.AccessDenied", "Workspace access denied."},
	{403, "AllocationQuota.FreeTierOnly", `The free tier of the model has been exhausted. If you wish to continue access the model on a paid basis, please disable the "use free tier only" mode in the management console.`},
	{404, "ModelNotFound", "Model can not be found."},
	{404, "WorkSpaceNotFound", "WorkSpace can not be found."},
	{404, "NotFound", "Not found!"},
	{429, "Throttling", "Requests throttling triggered."},
	{429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."},
	{429, "LimitRequests", "You have exceeded your request limit."},
	{429, "Throttling.BurstRate", "Request rate increased too quickly. To ensure system stability, please adjust your client logic to scale requests more smoothly over time."},
	{429, "Throttling.Concurrency", "Too many concurrent requests."},
	{429, "Throttling.ResourceExhausted", "An error occurred in model serving, error message is: [Too many requests.]"},
	{429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase your quota limit."},
	{429, "CommodityNotPurchased", "Commodity has not purchased yet."},
	{429, "PrepaidBillOverdue", "The prepaid bill is overdue."},
	{429, "PostpaidBillOverdue", "The postpaid bill is overdue."},
	{500, "InternalError", "An internal error has occured, please try again later or contact service support."}, //nolint:misspell // the service spells it so
	{500, "InternalError.Algo", "inference internal error."},
	{500, "InternalError.FileUpload", "oss upload error."},
	{500, "InternalError.Upload", "Failed to upload result."},
	{500, "InternalError.Timeout", "An internal timeout error has occurred during execution, please try again later or contact service support."},
	{500, "SystemError", "An system error has occured, please try again later."}, //nolint:misspell // the service spells it so
	{500, "RequestTimeOut", "Request timed out, please try again later."},
	{500, "RewriteFailed", "Failed to rewrite content for prompt."},
	{503, "ModelServingError", "Too many requests. Your requests are being throttled due to system capacity limits. Please try again later."},
	{503, "ModelUnavailable", "Model is unavailable, please try again later."},
}

// fail finds the failure of a code; message replaces its text unless "".
func fail(code, message string) failure {
	f := failure{status: http.StatusInternalServerError, code: code, message: "The simulator was asked for this code."}
	for _, known := range failures {
		if known.code == code {
			f = known
		}
	}
	if message != "" {
		f.message = message
	}
	return f
}

// failStatus is the first failure with an HTTP status, for a fault that names
// no code.
func failStatus(status int) failure {
	switch status {
	case http.StatusTooManyRequests:
		return fail("Throttling.RateQuota", "")
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		f := fail("RequestTimeOut", "")
		f.status = status
		return f
	}
	for _, known := range failures {
		if known.status == status {
			return known
		}
	}
	f := fail("SystemError", "")
	f.status = status
	return f
}
